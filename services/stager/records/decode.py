"""Bytes of a record -> `Envelope` or `Poison`. Pure.

Ingest has checked every event already; this is the second check, for records of other writers to the log.
A `Poison` names the place of the fault in a record, never a value.
"""

from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from typing import Any

import msgspec

from shared.contracts import envelope as wire
from shared.contracts.envelope import Envelope
from shared.contracts.message_ids import MAX_STORED_CHARS
from shared.contracts.names import RESERVED_PREFIXES
from shared.json_values import strings


class Reason(StrEnum):
    """Why a record became a dead letter; public: stored, shown and documented."""

    NULL_VALUE = "null_value"
    OVERSIZE = "oversize"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    TOO_DEEP = "too_deep"
    UNKNOWN_VERSION = "unknown_version"
    WRONG_TYPE = "wrong_type"
    BAD_TEXT = "bad_text"
    """A string holds NUL, which Postgres cannot keep."""
    OUT_OF_RANGE = "out_of_range"
    NO_NAMES = "junk_names"
    REFUSED_BY_DATABASE = "refused_by_database"
    FOLD_FAILED = "fold_failed"
    RETRACTION_TOO_LARGE = "retraction_too_large"
    """The touchpoint to take back belongs to people with more events than one transaction can resolve."""
    UNMAPPED = "unmapped"
    """No mapping has the provider's event yet, which is no fault of the record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    """A record that can never be applied."""

    reason: Reason
    detail: str = ""
    workspace_id: int = 0
    """0 where the bytes hold none."""
    message_id: str | None = None
    """None where the bytes hold none that can be stored."""
    source: str | None = None
    """Id of the source; None where the bytes hold none."""

    @property
    def is_fault(self) -> bool:
        """Whether it counts towards the poison cap."""
        return self.reason is not Reason.UNMAPPED


class _Header(msgspec.Struct):
    v: Any = 1
    workspace_id: Any = 0
    message_id: Any = None


_header = msgspec.json.Decoder(_Header)

_IDS = (
    "account_id", "user_id", "anonymous_id", "email", "external_id", "account_external_id",
    "previous_id", "previous_account_id",
)  # fmt: skip
MAX_WORKSPACE_ID = 2**31 - 1
"""Postgres keeps it in four bytes."""
_VERSION = 1
_NUL = "\x00"
_PLAIN = frozenset({"track", "identify", "page", "screen", "group", "alias", "leave", "unmerge"})
"""Types that need nothing but an account or a person."""


def decode(value: bytes | None, *, max_bytes: int) -> Envelope | Poison:  # noqa: PLR0911 - a table
    """Decode one record. Never raises, whatever the bytes are.

    `max_bytes` bounds the raw value. Instants of an envelope are UTC.
    """
    if value is None:
        return Poison(reason=Reason.NULL_VALUE)
    if len(value) > max_bytes:
        return Poison(reason=Reason.OVERSIZE, detail=f"{len(value)} bytes")
    try:
        envelope = wire.decode(value)
    except msgspec.ValidationError as exc:
        return _invalid(value, exc)
    except UnicodeDecodeError:
        return Poison(reason=Reason.NOT_UTF8)
    except msgspec.DecodeError:
        return Poison(reason=Reason.NOT_JSON)
    except RecursionError:
        return Poison(reason=Reason.TOO_DEEP)
    problem = _check(envelope, value)
    if problem is not None:
        return problem
    if envelope.occurred_at.tzinfo is not UTC or envelope.received_at.tzinfo is not UTC:
        return _in_utc(envelope)
    return envelope


def _check(e: Envelope, value: bytes) -> Poison | None:  # noqa: C901, PLR0911, PLR0912 - a table
    if not 0 < e.workspace_id <= MAX_WORKSPACE_ID:
        return Poison(reason=Reason.OUT_OF_RANGE, detail="workspace_id")
    if not 0 < len(e.message_id) <= MAX_STORED_CHARS:
        return _wrong(e, Reason.OUT_OF_RANGE, "message_id")
    if not 0 < len(e.event) <= wire.MAX_EVENT_CHARS:
        return _wrong(e, Reason.OUT_OF_RANGE, "event")
    if e.import_id is not None and not 0 < len(e.import_id) <= wire.MAX_IMPORT_ID_CHARS:
        return _wrong(e, Reason.OUT_OF_RANGE, "import_id")
    account_id, user_id, email = e.account_id, e.user_id, e.email
    if account_id and account_id.startswith(RESERVED_PREFIXES):
        return _wrong(e, Reason.OUT_OF_RANGE, "account_id")
    is_named = user_id or e.anonymous_id or e.external_id or (email and email.strip())
    if e.type in _PLAIN:
        if not (account_id or e.account_external_id or is_named):
            return _wrong(e, Reason.NO_NAMES, "")
    elif (problem := _check_special(e, value, names_person=bool(is_named))) is not None:
        return problem
    # No id is longer than its record, so a short record needs no check of each id.
    if len(value) > wire.MAX_ID_CHARS:
        for name in _IDS:
            text = getattr(e, name)
            if text is not None and not wire.fits_id(text):
                return _wrong(e, Reason.OUT_OF_RANGE, name)
    # The escape is rare; strings are searched only in a record that has it.
    if b"\\u0000" in value and any(_NUL in text for text in strings(msgspec.to_builtins(e))):
        return _wrong(e, Reason.BAD_TEXT, "")
    if not value.isascii():
        # The decoder skips unknown fields without checking their text.
        try:
            value.decode()
        except UnicodeDecodeError:
            return _wrong(e, Reason.NOT_UTF8, "")
    return None


def _check_special(e: Envelope, value: bytes, *, names_person: bool) -> Poison | None:
    """What only some types of records need."""
    match e.type:
        case "unmapped":
            return _unmapped(e, value)
        case "retract":
            return _retract(e)
        case "erase" if not names_person:
            return _wrong(e, Reason.NO_NAMES, "")
        case "merge" if not ((e.account_id or e.account_external_id) and e.previous_account_id):
            return _wrong(e, Reason.NO_NAMES, "")
        case "merge" if (e.previous_account_id or "").startswith(RESERVED_PREFIXES):
            return _wrong(e, Reason.OUT_OF_RANGE, "previous_account_id")
        case _:
            return None


def _retract(e: Envelope) -> Poison | None:
    if e.retracts is None and e.import_id is None:
        return _wrong(e, Reason.WRONG_TYPE, "retracts")
    if not 0 < len(e.retracts or "-") <= MAX_STORED_CHARS:
        return _wrong(e, Reason.OUT_OF_RANGE, "retracts")
    return None


def _unmapped(e: Envelope, value: bytes) -> Poison:
    if e.occurred_at.tzinfo is None or e.received_at.tzinfo is None:
        return _wrong(e, Reason.WRONG_TYPE, "an instant without a zone")
    if _NUL in e.message_id or _NUL in e.event:
        return _wrong(e, Reason.BAD_TEXT, "")
    try:
        value.decode()
    except UnicodeDecodeError:
        return _wrong(e, Reason.NOT_UTF8, "")
    # The provider's own name for the event: the author of a mapping searches for it.
    return _wrong(e, Reason.UNMAPPED, e.event)


def _in_utc(e: Envelope) -> Envelope | Poison:
    if e.occurred_at.tzinfo is None or e.received_at.tzinfo is None:
        return _wrong(e, Reason.WRONG_TYPE, "an instant without a zone")
    try:
        return msgspec.structs.replace(
            e,
            occurred_at=e.occurred_at.astimezone(UTC),
            received_at=e.received_at.astimezone(UTC),
        )
    except OverflowError:
        return _wrong(e, Reason.OUT_OF_RANGE, "occurred_at")


def _wrong(e: Envelope, reason: Reason, detail: str) -> Poison:
    workspace_id = e.workspace_id if 0 < e.workspace_id <= MAX_WORKSPACE_ID else 0
    return Poison(
        reason=reason,
        detail=detail,
        workspace_id=workspace_id,
        message_id=_message_id(e.message_id),
        source=e.source,
    )


def _message_id(value: object) -> str | None:
    """An id that can be stored, or None."""
    if not isinstance(value, str) or _NUL in value:
        return None
    return value if 0 < len(value) <= MAX_STORED_CHARS else None


def _invalid(value: bytes, exc: msgspec.ValidationError) -> Poison:
    try:
        header = _header.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Poison(reason=Reason.WRONG_TYPE)
    is_valid = type(header.workspace_id) is int and 0 < header.workspace_id <= MAX_WORKSPACE_ID
    workspace_id = header.workspace_id if is_valid else 0
    message_id = _message_id(header.message_id)
    if header.v != _VERSION:
        return Poison(
            reason=Reason.UNKNOWN_VERSION, workspace_id=workspace_id, message_id=message_id
        )
    # The decoder's message may quote a value; only its path (field names, `[...]` for others) may be
    # stored.
    _, _, path = str(exc).partition(" - at `")
    return Poison(
        reason=Reason.WRONG_TYPE,
        detail=path.rstrip("`")[:200],
        workspace_id=workspace_id,
        message_id=message_id,
    )
