"""A touchpoint as it was sent: its form is checked, its meaning not yet (see `validation`). Pure.

The native protocol decodes into `Candidate`, so its fields are the API. The other protocols build a
`ForeignCandidate` with `build`. Both have the same checks and codes.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, TypeVar, get_args

import msgspec
from msgspec import Meta

from services.ingest.events.tie import MAX_SEQUENCE
from services.ingest.events.verdicts import RefusalCode, Refused
from shared.contracts.envelope import (
    MAX_EVENT_CHARS,
    MAX_ID_BYTES,
    MAX_ID_CHARS,
    MAX_IMPORT_ID_CHARS,
    MAX_MESSAGE_ID_CHARS,
    EventType,
    Survey,
)
from shared.contracts.names import RESERVED_PREFIXES
from shared.sources.hashing import is_hashed
from shared.wording import nearest

MAX_LABEL_CHARS = 100
"""Longest channel, role, emotion or friction: names from a short list."""

MAX_WORDS_CHARS = 4_000
"""Longest thought or question: a paragraph."""

MAX_NAME_CHARS = MAX_ID_CHARS + max(map(len, RESERVED_PREFIXES))
"""Longest name of a person with its prefix."""

_Id = Annotated[str, Meta(max_length=MAX_ID_CHARS)]
_Name = Annotated[str, Meta(max_length=MAX_NAME_CHARS)]
_Label = Annotated[str, Meta(max_length=MAX_LABEL_CHARS)]
_Words = Annotated[str, Meta(max_length=MAX_WORDS_CHARS)]
_Instant = Annotated[datetime, Meta(tz=True)]


class SentCampaign(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What brought the customer here, by the five names of the UTM convention."""

    name: _Id | None = None
    source: _Id | None = None
    medium: _Id | None = None
    term: _Id | None = None
    content: _Id | None = None


class Candidate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """The body of `POST /v1/touchpoints`; null and absent mean the same."""

    event: Annotated[str, Meta(max_length=MAX_EVENT_CHARS)]
    account_id: _Id | None = None
    user_id: _Id | None = None
    anonymous_id: _Id | None = None
    email: _Id | None = None
    external_id: _Id | None = None
    account_external_id: _Id | None = None
    occurred_at: _Instant | None = None
    sent_at: _Instant | None = None
    """The sender's clock when it sent the event; corrects `occurred_at` for a wrong clock."""
    message_id: Annotated[str, Meta(max_length=MAX_MESSAGE_ID_CHARS)] | None = None
    message_id_scope: _Label | None = None
    """What numbers its events by itself: a message id counts once in each, within the sender's own."""
    sequence: Annotated[int, Meta(ge=-MAX_SEQUENCE, le=MAX_SEQUENCE)] | None = None
    """Place among the sender's events of one instant, such as the row of a file."""
    import_id: Annotated[str, Meta(max_length=MAX_IMPORT_ID_CHARS)] | None = None
    """The import that it belongs to, which can be taken back as a whole."""
    channel: _Label | None = None
    role: _Label | None = None
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None
    account_traits: dict[str, Any] | None = None
    sentiment: Annotated[int, Meta(ge=1, le=5)] | None = None
    emotion: _Label | None = None
    friction: _Label | None = None
    thought: _Words | None = None
    question: _Words | None = None
    survey: Survey | None = None
    score: float | None = None
    logged_by: _Id | None = None
    internal: bool | None = None
    campaign: SentCampaign | None = None
    value: float | None = None
    context: dict[str, Any] | None = None


class ForeignCandidate(Candidate, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A touchpoint of a foreign protocol, with the fields that only those have."""

    type: EventType = "track"
    original_timestamp: str | None = None
    previous_id: _Id | None = None
    previous_names: list[_Name] | None = None
    """Names with their prefix: the other persons of an `alias` or `unmerge`, else further names."""
    previous_account_id: _Id | None = None
    is_about_record: bool | None = None
    """The event is about the record `external_id` alone, see the envelope."""
    reason: _Words | None = None
    """Why an operator merged or unmerged."""


class SdkCandidate(
    ForeignCandidate, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False
):
    """A call of an SDK, which hears of no refusal: if its time cannot be right, it happened on arrival."""


Item = Candidate | Refused
"""One event of a body, parsed."""
ForeignItem = ForeignCandidate | Refused

FIELDS = Candidate.__struct_fields__

_OBJECT_FIELDS = ("properties", "traits", "account_traits", "context", "campaign")

_Form = TypeVar("_Form", bound=Candidate)


def build(fields: Mapping[str, Any]) -> ForeignCandidate | Refused:
    """Check the form of the fields of a foreign protocol."""
    return _converted(fields, ForeignCandidate)


def build_sdk(fields: Mapping[str, Any]) -> SdkCandidate | Refused:
    """Check the form of the fields of an SDK's call."""
    return _converted(fields, SdkCandidate)


def build_native(fields: Mapping[str, Any]) -> Candidate | Refused:
    """Check the form of a native touchpoint, also of one that another protocol carries."""
    return _converted(fields, Candidate)


def _converted(fields: Mapping[str, Any], form: type[_Form]) -> _Form | Refused:
    """An empty list counts as an empty object: PHP has one array for both and writes it as a list."""
    empty = [name for name in _OBJECT_FIELDS if fields.get(name) == []]
    if empty:
        fields = {**fields, **dict.fromkeys(empty)}
    try:
        return msgspec.convert(fields, form)
    except msgspec.ValidationError as exc:
        return refusal(exc)


def is_email(text: str) -> bool:
    """A light check: one @ with text on both sides and no white space.

    The pseudonym of an address counts as one: it names the same person.
    """
    local, at, domain = text.partition("@")
    if not at:
        return is_hashed(text)
    return bool(local and domain) and "@" not in domain and text.split() == [text]


def refusal(error: msgspec.ValidationError) -> Refused:
    """The refusal for a failed check. Names fields, never what was sent."""
    message = str(error)
    if message.startswith("Object contains unknown field") and "`$.campaign`" not in message:
        return _unknown_field(message)
    if message.startswith("Object missing required field"):
        return Refused(RefusalCode.MISSING_EVENT, "`event` is required: the name of what happened.")
    where = _WHERE.search(message)
    if where is None:
        return NOT_AN_OBJECT
    if "out of range" in message:
        return NUMBER_OUT_OF_RANGE
    code, detail = _EXPECTED.get(where[1], _EXPECTED["properties"])
    return Refused(code, detail)


def wrong_form(name: str) -> Refused:
    """The refusal for a field whose value has the wrong form."""
    return Refused(*_EXPECTED[name])


NOT_AN_OBJECT = Refused(RefusalCode.NOT_AN_OBJECT, "An event is a JSON object.")
NUMBER_OUT_OF_RANGE = Refused(
    RefusalCode.NUMBER_OUT_OF_RANGE,
    "Numbers are finite, and integers have at most 4,300 digits; send longer ones as strings.",
)

_WHERE = re.compile(r"- at `\$\.([a-z_]+)")
_UNKNOWN = re.compile(r"unknown field `(.{1,64})`")


def _unknown_field(message: str) -> Refused:
    name = _UNKNOWN.search(message)
    near = nearest(_snake(name[1]), FIELDS) if name else None
    hint = f"Did you mean `{near}`?" if near else "Put your own fields into `properties`."
    return Refused(RefusalCode.UNKNOWN_FIELD, f"A top-level field is not known here. {hint}")


def _snake(name: str) -> str:
    name = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()
    return {"timestamp": "occurred_at", "group_id": "account_id", "name": "event"}.get(name, name)


def _text(name: str, limit: int) -> str:
    return f"`{name}` is a string of at most {limit} characters."


def _id(name: str) -> str:
    return f"`{name}` is a string of at most {MAX_ID_CHARS} characters, and {MAX_ID_BYTES} bytes in UTF-8."


_OBJECT = "`{}` is a JSON object."
_INSTANT = (
    "`{}` is an RFC 3339 instant with its offset, like 2026-03-01T12:00:00Z or"
    " 2026-03-01T13:00:00+01:00; a time without an offset does not name an instant."
)

_EXPECTED: dict[str, tuple[RefusalCode, str]] = {
    "event": (RefusalCode.INVALID_EVENT, _text("event", MAX_EVENT_CHARS)),
    "account_id": (RefusalCode.INVALID_ACCOUNT_ID, _id("account_id")),
    "user_id": (RefusalCode.INVALID_USER_ID, _id("user_id")),
    "anonymous_id": (RefusalCode.INVALID_ANONYMOUS_ID, _id("anonymous_id")),
    "previous_id": (RefusalCode.INVALID_PREVIOUS_ID, _id("previous_id")),
    "previous_account_id": (
        RefusalCode.INVALID_PREVIOUS_ID,
        _id("previous_account_id"),
    ),
    "previous_names": (
        RefusalCode.INVALID_PREVIOUS_NAMES,
        f"`previous_names` is a list of names with their prefix, at most {MAX_NAME_CHARS} characters each.",
    ),
    "external_id": (RefusalCode.INVALID_EXTERNAL_ID, _id("external_id")),
    "account_external_id": (
        RefusalCode.INVALID_ACCOUNT_EXTERNAL_ID,
        _id("account_external_id"),
    ),
    "reason": (RefusalCode.INVALID_REASON, _text("reason", MAX_WORDS_CHARS)),
    "email": (RefusalCode.INVALID_EMAIL, _id("email")),
    "occurred_at": (RefusalCode.INVALID_OCCURRED_AT, _INSTANT.format("occurred_at")),
    "sent_at": (RefusalCode.INVALID_SENT_AT, _INSTANT.format("sent_at")),
    "message_id": (RefusalCode.INVALID_MESSAGE_ID, _text("message_id", MAX_MESSAGE_ID_CHARS)),
    "message_id_scope": (
        RefusalCode.INVALID_MESSAGE_ID,
        _text("message_id_scope", MAX_LABEL_CHARS),
    ),
    "sequence": (
        RefusalCode.INVALID_SEQUENCE,
        f"`sequence` is a whole number from -{MAX_SEQUENCE} to {MAX_SEQUENCE}.",
    ),
    "import_id": (RefusalCode.INVALID_IMPORT_ID, _text("import_id", MAX_IMPORT_ID_CHARS)),
    "channel": (RefusalCode.INVALID_CHANNEL, _text("channel", MAX_LABEL_CHARS)),
    "role": (RefusalCode.INVALID_ROLE, _text("role", MAX_LABEL_CHARS)),
    "properties": (RefusalCode.INVALID_PROPERTIES, _OBJECT.format("properties")),
    "traits": (RefusalCode.INVALID_TRAITS, _OBJECT.format("traits")),
    "account_traits": (RefusalCode.INVALID_ACCOUNT_TRAITS, _OBJECT.format("account_traits")),
    "context": (RefusalCode.INVALID_CONTEXT, _OBJECT.format("context")),
    "sentiment": (RefusalCode.INVALID_SENTIMENT, "`sentiment` is a whole number from 1 to 5."),
    "emotion": (RefusalCode.INVALID_EMOTION, _text("emotion", MAX_LABEL_CHARS)),
    "friction": (RefusalCode.INVALID_FRICTION, _text("friction", MAX_LABEL_CHARS)),
    "thought": (RefusalCode.INVALID_THOUGHT, _text("thought", MAX_WORDS_CHARS)),
    "question": (RefusalCode.INVALID_QUESTION, _text("question", MAX_WORDS_CHARS)),
    "survey": (RefusalCode.INVALID_SURVEY, f"`survey` is one of {', '.join(get_args(Survey))}."),
    "score": (RefusalCode.INVALID_SCORE, "`score` is a number on the scale of its `survey`."),
    "logged_by": (RefusalCode.INVALID_LOGGED_BY, _text("logged_by", MAX_ID_CHARS)),
    "internal": (RefusalCode.INVALID_INTERNAL, "`internal` is true or false."),
    "campaign": (
        RefusalCode.INVALID_CAMPAIGN,
        f"`campaign` has name, source, medium, term, content: at most {MAX_ID_CHARS} characters each.",
    ),
    "value": (RefusalCode.INVALID_VALUE, "`value` is a number."),
}
