"""Whether a candidate becomes a touchpoint, and which: the one place that decides. Pure.

Time: `occurred_at` is `received_at - (sent_at - occurred_at as sent)` when the sender told its own
clock (Segment's formula: both readings come from the wrong clock, so its error falls out), never
later than `received_at`. Where the result differs, the sender's words stay in `original_timestamp`.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from services.ingest.events.candidate import Candidate, ForeignCandidate, SentCampaign, is_email
from services.ingest.events.verdicts import RefusalCode, Refused
from shared.contracts import taxonomy
from shared.contracts.envelope import Campaign, Envelope
from shared.contracts.names import RESERVED_PREFIXES
from shared.ids import new_message_id
from shared.keys.principal import Principal

_T = TypeVar("_T")

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""Nothing that a journey is about happened before; zero dates of databases and languages did."""
_NOTICEABLE = timedelta(seconds=1)
"""A correction below this is the way through the network, not a wrong clock."""


class ClockCorrection(StrEnum):
    """How the sender's time was corrected; label of a metric."""

    NONE = "none"
    SENT_AT = "sent_at"
    CLAMPED = "clamped"


class Validated(msgspec.Struct, frozen=True, gc=False):
    """A touchpoint that will be stored."""

    envelope: Envelope
    correction: ClockCorrection


def shared_fields(principal: Principal, received_at: datetime) -> Envelope:
    """What all touchpoints of one request share; `validate` fills in the rest. Never stored itself.

    `received_at` is aware UTC.
    """
    return Envelope(
        workspace_id=principal.workspace_id,
        message_id="",
        event="",
        occurred_at=received_at,
        received_at=received_at,
        source=principal.source_id or principal.key_id,
    )


def validate(candidate: Candidate, common: Envelope) -> Validated | Refused:
    """Decide on one candidate of a request whose touchpoints have `common` in common."""
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
    message_id = candidate.message_id
    message_id = new_message_id() if message_id is None else message_id.strip()
    foreign = candidate if isinstance(candidate, ForeignCandidate) else _NATIVE
    is_nobody = account_id is None and user_id is None and anonymous_id is None and email is None
    refused = _refused(candidate, event, message_id, account_id, email)
    # What nobody understands names nobody; it is kept until a mapping says whom it means.
    if refused is None and is_nobody and foreign.type != "unmapped":
        refused = _NOBODY
    if refused is not None:
        return refused
    placed = _occurred_at(candidate, common.received_at)
    if placed is None:
        return _TOO_EARLY
    occurred_at, correction = placed
    # Fifteen arguments by name and not one more: beyond that CPython 3.11 makes a dict of them
    # first, which costs three times the rest of the call.
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
    besides = (
        foreign.previous_id, foreign.previous_account_id, candidate.role, candidate.sentiment,
        candidate.emotion, candidate.friction, candidate.thought, candidate.question,
        candidate.survey, candidate.score, candidate.logged_by, candidate.internal,
        candidate.campaign, candidate.value,
    )  # fmt: skip
    if besides != _NOTHING_BESIDES:
        envelope = replace(envelope, **_told_besides(besides))
    return Validated(envelope, correction)


def _refused(
    candidate: Candidate, event: str, message_id: str, account_id: str | None, email: str | None
) -> Refused | None:
    """What is wrong with the trimmed names of a candidate, or with its score."""
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


def _told_besides(values: Sequence[Any]) -> dict[str, Any]:
    """What most events do not tell, as it is stored; `values` in the order of `_BESIDES`."""
    told = {
        name: clean(value)
        for (name, clean), value in zip(_BESIDES.items(), values, strict=True)
        if value is not None
    }
    if "score" in told and "sentiment" not in told:
        told["sentiment"] = taxonomy.sentiment_of(told["survey"], told["score"])
    return told


_NATIVE = ForeignCandidate(event="")
_BLANK_EVENT = Refused(RefusalCode.INVALID_EVENT, "`event` is not blank: it names what happened.")
_BLANK_MESSAGE_ID = Refused(
    RefusalCode.INVALID_MESSAGE_ID, "`message_id` is not blank; leave it out to have one made."
)
_NOBODY = Refused(
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
    told = {name: value for name, value in msgspec.structs.asdict(sent).items() if value}
    return Campaign(**told) if told else None


def _trimmed(text: str) -> str | None:
    return text.strip() or None


def _as_sent(value: _T) -> _T:
    return value


_BESIDES: dict[str, Callable[[Any], Any]] = {
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
"""Fields that few events have, and what becomes of their values."""
_NOTHING_BESIDES = (None,) * len(_BESIDES)


def _occurred_at(
    candidate: Candidate, received_at: datetime
) -> tuple[datetime, ClockCorrection] | None:
    """Instant by the rule above, or None for one that cannot be meant."""
    told = candidate.occurred_at
    if told is None:
        return received_at, ClockCorrection.NONE
    if told <= _EARLIEST:
        return None
    occurred_at, correction = told, ClockCorrection.NONE
    if candidate.sent_at is not None and candidate.sent_at > _EARLIEST:
        occurred_at, correction = _corrected(told, received_at - candidate.sent_at)
    if occurred_at >= received_at:
        late = occurred_at - received_at
        return received_at, ClockCorrection.CLAMPED if late >= _NOTICEABLE else correction
    if occurred_at.tzinfo is not UTC:
        occurred_at = occurred_at.astimezone(UTC)
    return occurred_at, correction


def _corrected(told: datetime, shift: timedelta) -> tuple[datetime, ClockCorrection]:
    """`told` by a right clock. A clock so far off that this is no date any more corrects nothing."""
    try:
        occurred_at = told + shift
    except OverflowError:
        return told, ClockCorrection.NONE
    if occurred_at <= _EARLIEST:
        return told, ClockCorrection.NONE
    return occurred_at, ClockCorrection.SENT_AT if abs(
        shift
    ) >= _NOTICEABLE else ClockCorrection.NONE


def _original(candidate: Candidate, foreign: ForeignCandidate, occurred_at: datetime) -> str | None:
    told = candidate.occurred_at
    if told is occurred_at or told is None or told == occurred_at:
        return None
    return foreign.original_timestamp or told.isoformat()
