"""Addresses of the internet, cut down until they no longer point at one household. Pure."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal

from services.ingest.door.walking import Json

Keeping = Literal["keep", "truncate", "drop"]

_IPV4_BITS, _IPV6_BITS = 24, 48
"""What is kept: a provider's neighbourhood, the size that web analytics has settled on."""

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
# The library that reads every form takes as long as all the rest of the door.
_USUAL = re.compile(rf"({_OCTET}\.{_OCTET}\.{_OCTET})\.{_OCTET}")


def truncated(text: str) -> str | None:
    """`203.0.113.9` as `203.0.113.0`, `2001:db8:1:2::3` as `2001:db8:1::`; None for what is none."""
    usual = _USUAL.fullmatch(text)
    if usual is not None:
        return usual[1] + ".0"
    try:
        # A zone (`%eth0`) says which network card it was.
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


def cut_down(context: Json, properties: Json, keeping: Keeping) -> tuple[Json, Json]:
    """Both as they may be stored; the same objects where they hold no address.

    Costs four look-ups where nothing is found: every event is looked at.
    """
    if "ip" in context:
        context = _without_address(context, "ip", keeping)
    if "$ip" in context:
        context = _without_address(context, "$ip", keeping)
    if "$ip" in properties:
        properties = _without_address(properties, "$ip", keeping)
    # Anybody's word for anything, but most often for this.
    if "ip" in properties and truncated(str(properties["ip"])) is not None:
        properties = _without_address(properties, "ip", keeping)
    return context, properties


def _without_address(fields: Json, key: str, keeping: Keeping) -> Json:
    """`fields` with the address under `key` cut down, or left out, as what is no address always is."""
    value = fields[key]
    if value is None or keeping == "keep":
        return fields
    cut = truncated(value) if keeping == "truncate" and isinstance(value, str) else None
    if cut is None:
        return {name: part for name, part in fields.items() if name != key}
    return fields if cut == value else {**fields, key: cut}
