"""An item as its provider's module reads it, and the readers of values that the modules share. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from typing import Any

import msgspec

from services.ingest.events import instants
from services.ingest.events.candidate import is_email
from shared.contracts import names
from shared.contracts.envelope import MAX_MESSAGE_ID_CHARS

JsonObject = dict[str, Any]

MOST_FURTHER_NAMES = 10
"""Names of a person that an event may have beside its own: each two of them are a statement to keep."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderItem:
    """One item of a delivery.

    `touchpoints` are fields of `ForeignCandidate` by name; `message_id` is the default of the first and
    `occurred_at` of all. None: the type is not supported; empty: it is, and yields no touchpoint.
    """

    type: str
    """The provider's type of the item."""
    message_id: str | None
    """The same for every delivery of the item."""
    occurred_at: datetime | None
    touchpoints: Sequence[JsonObject] | None


def message_id(provider: str, *parts: object) -> str | None:
    """A message id of the provider's own ids, hashed where it is too long; None if a part is missing."""
    texts = [identifier(part) for part in parts]
    if not all(texts):
        return None
    return shortened(":".join([provider, *map(str, texts)]))


def shortened(name: str) -> str:
    """`name`; where it is too long, its first part and a hash."""
    if len(name) <= MAX_MESSAGE_ID_CHARS:
        return name
    return f"{name.partition(':')[0][:24]}:{sha256(name.encode()).hexdigest()}"


def fingerprint(provider: str, source_id: str, item: object) -> str:
    """A message id for an item without ids: the same for the same content from the same source."""
    content = source_id.encode() + b"\n" + msgspec.json.encode(item, order="sorted")
    return f"{provider}:{sha256(content).hexdigest()}"


def identifier(value: object) -> str | None:
    """An id as text; providers send numbers as well."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text(value)


def text(value: object) -> str | None:
    """Text that is not blank."""
    return value.strip() or None if isinstance(value, str) else None


def email(value: object) -> str | None:
    """An e-mail address, if it is valid."""
    address = text(value)
    return address if address is not None and is_email(address) else None


def further_emails(listed: Iterable[object]) -> list[str]:
    """Further addresses of a person as names with their prefix; the first ones, if there are many."""
    addresses = filter(None, map(email, listed))
    return [names.EMAIL + each for each in islice(dict.fromkeys(addresses), MOST_FURTHER_NAMES)]


def number(value: object) -> float | None:
    """A number, or a number in a text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        parsed = float(value) if isinstance(value, str) else None
    except ValueError:
        return None
    # `float` accepts "nan" and "1e999", which are not amounts.
    return parsed if parsed is not None and abs(parsed) < float("inf") else None


def instant(value: object) -> datetime | None:
    """An instant in any of the forms of `events.instants`; None otherwise.

    Instants up to the beginning of 1970 are zero dates and yield None, so that the rest of the item is
    kept.
    """
    result = instants.instant(value)
    return None if result is not None and result <= _EPOCH else result


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def account(account_id: str | None, record: str | None) -> JsonObject:
    """The account of a person, deal or ticket: by the id in its own field, else by the account's record.

    Not both, which would say that the record is that account. An id that names nobody gives way to the
    record; without a record it stays, for ingest to show it as ignored.
    """
    if account_id is not None and (record is None or not names.is_junk(account_id)):
        return {"account_id": account_id}
    return {} if record is None else {"account_external_id": record}


def is_cleared(fields: Mapping[str, Any], name: str | None) -> bool:
    """Whether a field is among them and empty; a value of another type is not."""
    if name is None or name not in fields:
        return False
    value = fields[name]
    return value is None or (isinstance(value, str) and not value.strip())


def present(fields: Mapping[str, Any]) -> JsonObject:
    """The fields without those that are None."""
    return {name: value for name, value in fields.items() if value is not None}
