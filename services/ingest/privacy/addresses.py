"""IP addresses, truncated to networks of many households. Pure."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal

from services.ingest.privacy.nested import JsonValue

Keeping = Literal["keep", "truncate", "drop"]

_IPV4_BITS, _IPV6_BITS = 24, 48
"""Kept bits: the prefix lengths that web analytics tools use."""

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
# `ipaddress` parses every form, and takes as long as the rest of the privacy step.
_USUAL = re.compile(rf"({_OCTET}\.{_OCTET}\.{_OCTET})\.{_OCTET}")

_NAMES_ONE = re.compile(r"(?:^|[^A-Za-z])[Ii][Pp]s?(?![a-z])|[a-z]I[Pp]s?(?![a-z])")
_GONE = object()


def truncated(text: str) -> str | None:
    """`203.0.113.9` as `203.0.113.0`, `2001:db8:1:2::3` as `2001:db8:1::`; None for other text."""
    usual = _USUAL.fullmatch(text)
    if usual is not None:
        return usual[1] + ".0"
    try:
        # Without the zone (`%eth0`), the name of a network interface.
        address = ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if isinstance(address, IPv4Address):
        return str(IPv4Address(_cut(int(address), 32 - _IPV4_BITS)))
    return str(IPv6Address(_cut(int(address), 128 - _IPV6_BITS)))


def _cut(number: int, bits: int) -> int:
    return number >> bits << bits


def cut_down(
    context: JsonValue, properties: JsonValue, keeping: Keeping
) -> tuple[JsonValue, JsonValue]:
    """Context and properties with their IP addresses truncated or removed; the same objects without any.

    Cost: four look-ups for an event without addresses.
    """
    if "ip" in context:
        context = _without_address(context, "ip", keeping)
    if "$ip" in context:
        context = _without_address(context, "$ip", keeping)
    if "$ip" in properties:
        properties = _without_address(properties, "$ip", keeping)
    # `ip` among properties may mean something else, so the value decides.
    if "ip" in properties and truncated(str(properties["ip"])) is not None:
        properties = _without_address(properties, "ip", keeping)
    return context, properties


def cut_down_within(value: JsonValue, keeping: Keeping) -> JsonValue:
    """Nested data with the addresses under keys like `ip`, `last_seen_ip` or `clientIp` truncated or removed.

    For unmapped items. Key and form both decide: the version of a program may have four numbers, too.
    Raises RecursionError.
    """
    if keeping == "keep":
        return value
    return _within(value, keeping, is_named=False)


def _within(value: JsonValue, keeping: Keeping, *, is_named: bool) -> JsonValue:
    if isinstance(value, dict):
        parts = (
            (key, _within(part, keeping, is_named=_NAMES_ONE.search(key) is not None))
            for key, part in value.items()
        )
        return {key: part for key, part in parts if part is not _GONE}
    if isinstance(value, list):
        items = (_within(item, keeping, is_named=is_named) for item in value)
        return [item for item in items if item is not _GONE]
    if not is_named or not isinstance(value, str) or (cut := truncated(value)) is None:
        return value
    return cut if keeping == "truncate" else _GONE


def _without_address(fields: JsonValue, key: str, keeping: Keeping) -> JsonValue:
    """`fields` with the address under `key` truncated, or removed, as any other value is."""
    value = fields[key]
    if value is None or keeping == "keep":
        return fields
    cut = truncated(value) if keeping == "truncate" and isinstance(value, str) else None
    if cut is None:
        return {name: part for name, part in fields.items() if name != key}
    return fields if cut == value else {**fields, key: cut}
