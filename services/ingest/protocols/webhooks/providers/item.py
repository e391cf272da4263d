"""What a provider's item says, before it is checked, and the small readers that the providers share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec

from services.ingest.events.candidate import is_email
from shared.contracts.envelope import MAX_MESSAGE_ID_CHARS

JsonObject = dict[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_IN_MILLISECONDS = 1e11
"""An epoch number above this (year 5138 in seconds) is in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderItem:
    """One item of a delivery.

    `touchpoints` are fields of `ForeignCandidate` by name. The first takes `message_id` and all take
    `occurred_at` where they have none of their own. None: not known; empty: known, and not wanted.
    """

    type: str
    """The provider's own name for what happened."""
    message_id: str | None
    """The provider's name for the delivered item: the same however often it comes."""
    occurred_at: datetime | None
    touchpoints: Sequence[JsonObject] | None


def message_id(provider: str, *parts: object) -> str | None:
    """A name for ever out of the provider's own; None if a part is missing. A long one is hashed."""
    texts = [identifier(part) for part in parts]
    if not all(texts):
        return None
    return shortened(":".join([provider, *map(str, texts)]))


def shortened(name: str) -> str:
    """`name`, or where it is too long its first part and a hash."""
    if len(name) <= MAX_MESSAGE_ID_CHARS:
        return name
    return f"{name.partition(':')[0][:24]}:{sha256(name.encode()).hexdigest()}"


def fingerprint(provider: str, source_id: str, item: object) -> str:
    """A name for an item that has none: the same for the same content from the same source."""
    content = source_id.encode() + b"\n" + msgspec.json.encode(item, order="sorted")
    return f"{provider}:{sha256(content).hexdigest()}"


def identifier(value: object) -> str | None:
    """An id as text; providers send numbers and text alike."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text(value)


def text(value: object) -> str | None:
    """Text that is not blank."""
    return value.strip() or None if isinstance(value, str) else None


def email(value: object) -> str | None:
    """An address, if it is one."""
    address = text(value)
    return address if address is not None and is_email(address) else None


def number(value: object) -> float | None:
    """A number, also one written as text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        found = float(value) if isinstance(value, str) else None
    except ValueError:
        return None
    # "nan" and "1e999" are not amounts.
    return found if found is not None and abs(found) < float("inf") else None


def instant(value: object) -> datetime | None:
    """ISO 8601 (UTC where no offset is given), or epoch seconds or milliseconds; None otherwise.

    Not after 1970 began lie zero dates: they tell that nobody knows, and must not cost what they
    stand beside.
    """
    found: datetime | None = None
    try:
        if isinstance(value, str):
            parsed = datetime.fromisoformat(value.strip())
            found = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if abs(value) >= _SECONDS_IN_MILLISECONDS else value
            found = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None if found is not None and found <= _EPOCH else found


def mapping(value: object) -> Mapping[str, Any]:
    """An object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def present(fields: Mapping[str, Any]) -> JsonObject:
    """Without what is None."""
    return {name: value for name, value in fields.items() if value is not None}
