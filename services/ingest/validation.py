"""The validate step: a candidate becomes an envelope, or is refused. Pure.

Time: with the sender's clock in `sent_at`, `occurred_at` is `received_at - (sent_at - occurred_at as sent)`
(Segment's formula: both readings come from the same clock, so its error cancels out), never later than
`received_at`. Where the result differs, the sent text stays in `original_timestamp`.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from services.ingest.events.candidate import Candidate, ForeignCandidate, SentCampaign, is_email
from services.ingest.events.verdicts import RefusalCode, Refused
from shared.contracts import message_ids, taxonomy
from shared.contracts.envelope import Campaign, Envelope
from shared.contracts.names import RESERVED_PREFIXES
from shared.ids import new_message_id
from shared.keys.principal import Principal
from shared.keys.token import KeyKind

_T = TypeVar("_T")

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""Earlier instants are zero dates of databases and languages."""
_NOTICEABLE = timedelta(seconds=1)
"""A smaller correction is network delay, not a wrong clock."""


class ClockCorrection(StrEnum):
    """How the sender's time was corrected; label of a metric."""

    NONE = "none"
    SENT_AT = "sent_at"
    CLAMPED = "clamped"


class Validated(msgspec.Struct, frozen=True, gc=False):
    """A valid event, before the privacy step."""

    envelope: Envelope
    correction: ClockCorrection


def shared_fields(principal: Principal, received_at: datetime) -> Envelope:
    """The fields that all events of one request share; `validate` fills in the rest. Never stored itself.

    `received_at` is aware UTC. `message_id` of the result is the scope of the sender's message ids.
    """
    return Envelope(
        workspace_id=principal.workspace_id,
        message_id=message_ids.scope(
            is_public=principal.kind is KeyKind.WRITE, source_id=principal.source_id
        ),
        event="",
        occurred_at=received_at,
        received_at=received_at,
        source=principal.source_id or principal.key_id,
    )


def validate(candidate: Candidate, common: Envelope) -> Validated | Refused:
    """Validate one candidate; `common` is the result of `shared_fields`."""
    event = candidate.event.strip()
    account_id, user_id = candidate.account_id, candidate.user_id
    anonymous_id, email = candidate.anonymous_id, candidate.email
    if account_id is not None:
        account_id = account_id.strip() or None
    if user_id is not None:
        user_id = user_id.strip() or None
    if anonymous_id is not None:
        anonymous_id = anonymous_id.strip() or None
    if email is not None:
        email = email.strip() or None
    message_id = _message_id(candidate, common.message_id)
    foreign = candidate if isinstance(candidate, ForeignCandidate) else _NATIVE
    has_no_identity = (
        account_id is None and user_id is None and anonymous_id is None and email is None
    )
    refused = _refused(candidate, event, message_id, account_id, email)
    # An unmapped item names no person or account until a mapping reads it.
    if refused is None and has_no_identity and foreign.type != "unmapped":
        refused = _NO_IDENTITY
    if refused is not None:
        return refused
    timing = _occurred_at(candidate, common.received_at)
    if timing is None:
        return _TOO_EARLY
    occurred_at, correction = timing
    # Fifteen keyword arguments and not one more: beyond that CPython 3.11 builds a dict of them first,
    # which costs three times the rest of the call.
    envelope = replace(
        common,
        message_id=message_id,
        type=foreign.type,
        event=event,
        occurred_at=occurred_at,
        original_timestamp=_original(candidate, foreign, occurred_at),
        account_id=account_id,
        user_id=user_id,
        anonymous_id=anonymous_id,
        email=email,
        channel=channel.strip() or None if (channel := candidate.channel) else None,
        properties=candidate.properties or {},
        traits=candidate.traits or {},
        account_traits=candidate.account_traits or {},
        context=candidate.context or {},
    )
    rare_values = (
        foreign.previous_id, foreign.previous_account_id, candidate.role, candidate.sentiment,
        candidate.emotion, candidate.friction, candidate.thought, candidate.question,
        candidate.survey, candidate.score, candidate.logged_by, candidate.internal,
        candidate.campaign, candidate.value,
    )  # fmt: skip
    if rare_values != _NO_RARE_FIELDS:
        envelope = replace(envelope, **_rare_fields(rare_values))
    return Validated(envelope, correction)


def _message_id(candidate: Candidate, scope: str) -> str:
    """The id behind the scope in which it counts once, one made here, or an empty text for a blank one."""
    sent = candidate.message_id
    if sent is None:
        return new_message_id()
    if not (sent := sent.strip()):
        return ""
    if candidate.message_id_scope is not None and (name := candidate.message_id_scope.strip()):
        return message_ids.narrowed(scope + sent, name.encode("utf-8", "surrogatepass"))
    return scope + sent


def _refused(
    candidate: Candidate, event: str, message_id: str, account_id: str | None, email: str | None
) -> Refused | None:
    """The refusal for invalid names, trimmed, or an invalid score."""
    if not event:
        return _BLANK_EVENT
    if not message_id:
        return _BLANK_MESSAGE_ID
    if account_id is not None and account_id.startswith(RESERVED_PREFIXES):
        return _RESERVED
    if email is not None and not is_email(email):
        return _NO_EMAIL
    if candidate.score is not None and not _is_answer(candidate):
        return _NO_ANSWER
    return None


def _rare_fields(values: Sequence[Any]) -> dict[str, Any]:
    """Fields that few events have, as stored; `values` in the order of `_RARE_FIELDS`."""
    fields = {
        name: clean(value)
        for (name, clean), value in zip(_RARE_FIELDS.items(), values, strict=True)
        if value is not None
    }
    if "score" in fields and "sentiment" not in fields:
        fields["sentiment"] = taxonomy.sentiment_of(fields["survey"], fields["score"])
    return fields


_NATIVE = ForeignCandidate(event="")
_BLANK_EVENT = Refused(RefusalCode.INVALID_EVENT, "`event` is not blank: it names what happened.")
_BLANK_MESSAGE_ID = Refused(
    RefusalCode.INVALID_MESSAGE_ID, "`message_id` is not blank; leave it out to have one made."
)
_NO_IDENTITY = Refused(
    RefusalCode.MISSING_IDENTITY,
    "An event names somebody: at least one of account_id, user_id, anonymous_id, email.",
)
_RESERVED = Refused(
    RefusalCode.RESERVED_ACCOUNT_ID,
    f"`account_id` does not begin with {', '.join(RESERVED_PREFIXES)}: those name persons.",
)
_NO_EMAIL = Refused(RefusalCode.INVALID_EMAIL, "`email` has the form name@domain.")
_NO_ANSWER = Refused(
    RefusalCode.INVALID_SCORE,
    "`score` comes with its `survey`, on its scale: nps 0 to 10, csat and pulse 1 to 5, ces 1 to 7.",
)
_TOO_EARLY = Refused(
    RefusalCode.INVALID_OCCURRED_AT,
    "`occurred_at` is after 1970 began: what lies before is a missing date.",
)


def _is_answer(candidate: Candidate) -> bool:
    survey, score = candidate.survey, candidate.score
    return survey is not None and score is not None and taxonomy.is_on_scale(survey, score)


def _emotion(text: str) -> str | None:
    return taxonomy.emotion(text.strip()) or None


def _friction(text: str) -> str | None:
    return taxonomy.friction(text.strip()) or None


def _campaign(sent: SentCampaign) -> Campaign | None:
    texts = {name: value for name, value in msgspec.structs.asdict(sent).items() if value}
    return Campaign(**texts) if texts else None


def _trimmed(text: str) -> str | None:
    return text.strip() or None


def _as_sent(value: _T) -> _T:
    return value


_RARE_FIELDS: dict[str, Callable[[Any], Any]] = {
    "previous_id": _trimmed,
    "previous_account_id": _trimmed,
    "role": _trimmed,
    "sentiment": _as_sent,
    "emotion": _emotion,
    "friction": _friction,
    "thought": _trimmed,
    "question": _trimmed,
    "survey": _as_sent,
    "score": _as_sent,
    "logged_by": _trimmed,
    "internal": _as_sent,
    "campaign": _campaign,
    "value": _as_sent,
}
"""Fields that few events have, with the conversion of their values."""
_NO_RARE_FIELDS = (None,) * len(_RARE_FIELDS)


def _occurred_at(
    candidate: Candidate, received_at: datetime
) -> tuple[datetime, ClockCorrection] | None:
    """Instant by the rule of the module; None for a zero date."""
    sent = candidate.occurred_at
    if sent is None:
        return received_at, ClockCorrection.NONE
    if sent <= _EARLIEST:
        return None
    occurred_at, correction = sent, ClockCorrection.NONE
    if candidate.sent_at is not None and candidate.sent_at > _EARLIEST:
        occurred_at, correction = _corrected(sent, received_at - candidate.sent_at)
    if occurred_at >= received_at:
        late = occurred_at - received_at
        return received_at, ClockCorrection.CLAMPED if late >= _NOTICEABLE else correction
    if occurred_at.tzinfo is not UTC:
        occurred_at = occurred_at.astimezone(UTC)
    return occurred_at, correction


def _corrected(sent: datetime, shift: timedelta) -> tuple[datetime, ClockCorrection]:
    """`sent` corrected by `shift`; unchanged where the result would not be a valid date."""
    try:
        occurred_at = sent + shift
    except OverflowError:
        return sent, ClockCorrection.NONE
    if occurred_at <= _EARLIEST:
        return sent, ClockCorrection.NONE
    return occurred_at, ClockCorrection.SENT_AT if abs(
        shift
    ) >= _NOTICEABLE else ClockCorrection.NONE


def _original(candidate: Candidate, foreign: ForeignCandidate, occurred_at: datetime) -> str | None:
    sent = candidate.occurred_at
    if sent is occurred_at or sent is None or sent == occurred_at:
        return None
    return foreign.original_timestamp or sent.isoformat()
