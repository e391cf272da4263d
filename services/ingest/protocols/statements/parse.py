"""An operator's statement: the name in the path and the object in the body become one event. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from services.ingest.events import strict_json
from services.ingest.events.candidate import (
    MAX_NAME_CHARS,
    MAX_WORDS_CHARS,
    ForeignCandidate,
    is_email,
)
from services.ingest.events.verdicts import Refused
from shared.contracts.envelope import MAX_ID_CHARS, MAX_MESSAGE_ID_CHARS
from shared.contracts.names import (
    ANONYMOUS,
    EMAIL,
    EXTERNAL,
    RESERVED_PREFIXES,
    USER,
    cleaned,
    is_device,
    is_object,
    normal,
    split,
)
from shared.ids import new_message_id

Verb = Literal["merge", "unmerge"]

FIELD_OF_PREFIX = {
    USER: "user_id",
    EXTERNAL: "external_id",
    EMAIL: "email",
    ANONYMOUS: "anonymous_id",
}
OTHER = {"merge": "with", "unmerge": "from"}
"""Verb to the member of the body that names the other person or account."""
PREFIXES = ", ".join(RESERVED_PREFIXES)


class Fault(StrEnum):
    """Why a statement means nothing; the code of the response."""

    INVALID_PERSON = "invalid_person"
    INVALID_ACCOUNT = "invalid_account"
    INVALID_BODY = "invalid_body"
    INVALID_NAME = "invalid_name"
    SAME_SUBJECT = "same_subject"
    KINDS_DIFFER = "kinds_differ"
    JUNK_NAME = "junk_name"
    PERSON_SUPPRESSED = "person_suppressed"


class _Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Annotated[str, Meta(min_length=1, max_length=MAX_WORDS_CHARS)]
    message_id: Annotated[str, Meta(min_length=1, max_length=MAX_MESSAGE_ID_CHARS)] | None = None


_Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME_CHARS)]


class _Merge(_Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    other: _Name = msgspec.field(name="with")


class _Unmerge(_Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    other: _Name = msgspec.field(name="from")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The body of a statement."""

    verb: Verb
    other: str
    reason: str
    message_id: str
    author: str


def parse_body(body: bytes, verb: Verb, author: str) -> Statement | Fault:
    """Read the body; a fault where it is no such object."""
    value = strict_json.decode(body)
    if isinstance(value, Refused):
        return Fault.INVALID_BODY
    try:
        parsed: _Merge | _Unmerge = (
            msgspec.convert(value, _Merge) if verb == "merge" else msgspec.convert(value, _Unmerge)
        )
    except msgspec.ValidationError:
        return Fault.INVALID_BODY
    message_id = new_message_id() if parsed.message_id is None else parsed.message_id.strip()
    if not (message_id and cleaned(parsed.reason) and cleaned(parsed.other)):
        return Fault.INVALID_BODY
    return Statement(
        verb=verb, other=parsed.other, reason=parsed.reason, message_id=message_id, author=author
    )


def about_people(person: str | None, said: Statement) -> ForeignCandidate | Fault:
    """The event of a statement about two names of people."""
    if person is None or not _is_person(person):
        return Fault.INVALID_PERSON
    if not _is_person(said.other):
        return Fault.INVALID_NAME
    first, second = normal(person), normal(said.other)
    if first == second:
        return Fault.SAME_SUBJECT
    if is_object(first) != is_object(second):
        return Fault.KINDS_DIFFER
    devices = (is_device(first), is_device(second))
    if any(devices) if said.verb == "unmerge" else all(devices):
        # A device is a person's for a time, by each identification there (decision 0024).
        return Fault.KINDS_DIFFER
    prefix, value = split(first)
    return ForeignCandidate(
        event="Person Merged" if said.verb == "merge" else "Person Unmerged",
        type="alias" if said.verb == "merge" else "unmerge",
        user_id=value if prefix == USER else None,
        external_id=value if prefix == EXTERNAL else None,
        email=value if prefix == EMAIL else None,
        anonymous_id=value if prefix == ANONYMOUS else None,
        previous_names=[second],
        message_id=said.message_id,
        reason=said.reason,
        logged_by=said.author,
    )


def about_accounts(account_id: str | None, said: Statement) -> ForeignCandidate | Fault:
    """The event of a statement about two accounts; that of the path survives."""
    if account_id is None or not _is_account(account_id):
        return Fault.INVALID_ACCOUNT
    if not _is_account(said.other):
        return Fault.INVALID_NAME
    if cleaned(account_id) == cleaned(said.other):
        return Fault.SAME_SUBJECT
    return ForeignCandidate(
        event="Account Merged" if said.verb == "merge" else "Account Unmerged",
        type=said.verb,
        account_id=account_id,
        previous_account_id=said.other,
        message_id=said.message_id,
        reason=said.reason,
        logged_by=said.author,
    )


def _is_person(name: str) -> bool:
    prefix, value = split(name)
    value = cleaned(value)
    if not prefix or not value or len(value) > MAX_ID_CHARS:
        return False
    return prefix != EMAIL or is_email(value)


def _is_account(account_id: str) -> bool:
    value = cleaned(account_id)
    return bool(value) and len(value) <= MAX_ID_CHARS and not value.startswith(RESERVED_PREFIXES)
