"""The validate step: a candidate becomes an envelope, or is refused. Pure.

Time: with the sender's clock in `sent_at`, `occurred_at` is `received_at - (sent_at - occurred_at as sent)`
(Segment's formula: both readings come from the same clock, so its error cancels out), never later than
`received_at`. A difference that the way of the request explains is no error, and times keep their value.
Where the result differs, the sent text stays in `original_timestamp`.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from services.ingest.events.candidate import (
    Candidate,
    ForeignCandidate,
    SdkCandidate,
    SentCampaign,
    wrong_form,
)
from services.ingest.events.identifiers import DEFAULT_FORMS, Identifiers, NameForms
from services.ingest.events.tie import tie_of, tie_of_arrival
from services.ingest.events.verdicts import RefusalCode, Refused
from shared.contracts import message_ids, taxonomy
from shared.contracts.envelope import Campaign, Envelope
from shared.ids import new_message_id
from shared.keys.principal import Principal
from shared.keys.token import KeyKind

_T = TypeVar("_T")

_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)
"""Earlier instants are zero dates, clocks that were reset to one, and years of other calendars."""
_FAR_AHEAD = timedelta(days=366)
"""A clock that is further ahead counts by another calendar, or was never set."""
_NOTICEABLE = timedelta(seconds=1)
"""An event that is less ahead is no sign of a wrong clock."""
_ON_THE_WAY = timedelta(seconds=5)
"""A request may take this long; `sent_at` that differs less from its arrival says nothing of the clock."""


class ClockCorrection(StrEnum):
    """How the sender's time was corrected; label of a metric."""

    NONE = "none"
    SENT_AT = "sent_at"
    CLAMPED = "clamped"
    ARRIVAL = "arrival"
    """It could not be right, and the event of an SDK happened on arrival."""


_NONE = ClockCorrection.NONE
"""A member of an enum is looked up at each use in CPython 3.11, which costs as much as a call."""


class Validated(msgspec.Struct, frozen=True, gc=False):
    """A valid event, before the privacy step."""

    envelope: Envelope
    correction: ClockCorrection


def shared_fields(principal: Principal, received_at: datetime) -> Envelope:
    """The fields that all events of one request share; `validate` fills in the rest. Never stored itself.

    `received_at` is aware UTC. Of the result `message_id` is the scope of the sender's message ids, and `tie`
    that of the first event.
    """
    return Envelope(
        workspace_id=principal.workspace_id,
        message_id=message_ids.scope(
            is_public=principal.kind is KeyKind.WRITE, source_id=principal.source_id
        ),
        event="",
        occurred_at=received_at,
        received_at=received_at,
        tie=tie_of_arrival(received_at),
        source=principal.source_id or principal.key_id,
    )


def validate(
    candidate: Candidate, common: Envelope, forms: NameForms = DEFAULT_FORMS, index: int = 0
) -> Validated | Refused:
    """Validate one candidate, number `index` of its request.

    `common` is the result of `shared_fields`, `forms` are the workspace's.
    """
    foreign = candidate if isinstance(candidate, ForeignCandidate) else _NATIVE
    event = forms.events[candidate.event]
    # None: it needs a closer look. Few names do, and few events have other names than these.
    account_id, user_id = candidate.account_id, candidate.user_id
    anonymous_id, email = candidate.anonymous_id, candidate.email
    ids: Identifiers | None = None
    if (
        event is None
        or (account_id is not None and (account_id := forms.accounts[account_id]) is None)
        or (user_id is not None and (user_id := forms.users[user_id]) is None)
        or (anonymous_id is not None and (anonymous_id := forms.devices[anonymous_id]) is None)
        or (email is not None and (email := forms.emails[email]) is None)
        or not (user_id or account_id or anonymous_id or email)
        or _has_rare_names(candidate, foreign)
    ):
        named = _WRONG_EVENT if event is None else forms.identifiers(candidate)
        if isinstance(named, Refused):
            return named if event or event is None else _BLANK_EVENT
        ids = named
        account_id, user_id = ids.stored.get("account_id"), ids.stored.get("user_id")
        anonymous_id, email = ids.stored.get("anonymous_id"), ids.stored.get("email")
    message_id = _message_id(candidate, common.message_id)
    if not event or not message_id or candidate.score is not None:
        refused = _refused(candidate, event, message_id)
        if refused is not None:
            return refused
    received_at = common.received_at
    timing = _happened_at(candidate, received_at)
    if timing is None:
        is_zero = candidate.occurred_at is not None and candidate.occurred_at <= _ZERO
        return _TOO_EARLY if is_zero else _RESET
    happened_at, correction = timing
    occurred_at = min(received_at, happened_at)
    # Fourteen keyword arguments and not one more: beyond that CPython 3.11 builds a dict of them first,
    # which costs three times the rest of the call.
    envelope = replace(
        common,
        message_id=message_id,
        type=foreign.type,
        event=event,
        occurred_at=occurred_at,
        tie=tie_of(happened_at, received_at, common.tie, index, candidate.sequence),
        account_id=account_id or None,
        user_id=user_id or None,
        anonymous_id=anonymous_id or None,
        email=email or None,
        channel=channel.strip() or None if (channel := candidate.channel) else None,
        properties=candidate.properties or {},
        traits=candidate.traits or {},
        account_traits=candidate.account_traits or {},
        context=candidate.context or {},
    )
    original = _original(candidate, foreign, occurred_at)
    if original is not None:
        envelope = replace(envelope, original_timestamp=original)
    rare_values = (
        candidate.role, candidate.sentiment, candidate.emotion, candidate.friction,
        candidate.thought, candidate.question, candidate.survey, candidate.score,
        candidate.logged_by, candidate.internal, candidate.campaign, candidate.value,
        candidate.import_id,
    )  # fmt: skip
    if rare_values != _NO_RARE_FIELDS:
        envelope = replace(envelope, **_rare_fields(rare_values))
    if ids is not None and (rare_names := _rare_names(foreign, ids)):
        envelope = replace(envelope, **rare_names)
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


def _refused(candidate: Candidate, event: str | None, message_id: str) -> Refused | None:
    """The refusal for a blank name or an invalid score."""
    if not event:
        return _BLANK_EVENT
    if not message_id:
        return _BLANK_MESSAGE_ID
    if candidate.score is not None and not _is_answer(candidate):
        return _NO_ANSWER
    return None


def _has_rare_names(candidate: Candidate, foreign: ForeignCandidate) -> bool:
    if candidate.external_id is not None or candidate.account_external_id is not None:
        return True
    return foreign is not _NATIVE and not (
        foreign.previous_id is None
        and foreign.previous_names is None
        and foreign.previous_account_id is None
        and foreign.is_about_record is None
        and foreign.reason is None
    )


def _rare_names(foreign: ForeignCandidate, ids: Identifiers) -> dict[str, Any]:
    """Fields about names that few events have, as stored."""
    fields: dict[str, Any] = {
        name: value for name, value in ids.stored.items() if name in _RARE_NAMES
    }
    if ids.previous_names:
        fields["previous_names"] = ids.previous_names
    if ids.ignored:
        fields["ignored_ids"] = ids.ignored
    if ids.trusted:
        fields["trusted_ids"] = ids.trusted
    if foreign.is_about_record:
        fields["is_about_record"] = True
    if foreign.reason is not None:
        fields["reason"] = _trimmed(foreign.reason)
    return fields


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
_WRONG_EVENT = wrong_form("event")
_BLANK_EVENT = Refused(RefusalCode.INVALID_EVENT, "`event` is not blank: it names what happened.")
_BLANK_MESSAGE_ID = Refused(
    RefusalCode.INVALID_MESSAGE_ID, "`message_id` is not blank; leave it out to have one made."
)
_NO_ANSWER = Refused(
    RefusalCode.INVALID_SCORE,
    "`score` comes with its `survey`, on its scale: nps 0 to 10, csat and pulse 1 to 5, ces 1 to 7.",
)
_TOO_EARLY = Refused(
    RefusalCode.INVALID_OCCURRED_AT,
    "`occurred_at` is after 1970 began: what lies before is a missing date.",
)
_RESET = Refused(
    RefusalCode.INVALID_OCCURRED_AT,
    "`occurred_at` is after 1970: what lies in that year is a clock that was reset.",
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
    "import_id": _trimmed,
}
"""Fields that few events have, with the conversion of their values."""
_NO_RARE_FIELDS = (None,) * len(_RARE_FIELDS)
_RARE_NAMES = frozenset(
    {"external_id", "account_external_id", "previous_id", "previous_account_id"}
)


def _happened_at(
    candidate: Candidate, received_at: datetime
) -> tuple[datetime, ClockCorrection] | None:
    """Instant by the rule of the module, but as far ahead as the clock is; None for a zero date."""
    sent = candidate.occurred_at
    if sent is None:
        return received_at, _NONE
    occurred_at, correction = sent, _NONE
    clock = candidate.sent_at
    if clock is not None and (clock > _EARLIEST or _is_unset(sent, clock)):
        occurred_at, correction = _corrected(sent, received_at - clock)
    if occurred_at <= _EARLIEST:
        if isinstance(candidate, SdkCandidate):
            return received_at, ClockCorrection.ARRIVAL
        return None
    if occurred_at >= received_at:
        late = occurred_at - received_at
        if late > _FAR_AHEAD and isinstance(candidate, SdkCandidate):
            return occurred_at, ClockCorrection.ARRIVAL
        return occurred_at, ClockCorrection.CLAMPED if late >= _NOTICEABLE else correction
    if occurred_at.tzinfo is not UTC:
        occurred_at = occurred_at.astimezone(UTC)
    return occurred_at, correction


def _is_unset(sent: datetime, clock: datetime) -> bool:
    """Whether both are readings of a clock far in the past, and neither is a zero date."""
    return sent <= _EARLIEST and all(each != _ZERO and each.year > 1 for each in (sent, clock))


def _corrected(sent: datetime, shift: timedelta) -> tuple[datetime, ClockCorrection]:
    """`sent` corrected by `shift`; unchanged where the clock is right, or the result would be no date."""
    if abs(shift) < _ON_THE_WAY:
        return sent, _NONE
    try:
        occurred_at = sent + shift
    except OverflowError:
        return sent, _NONE
    if occurred_at <= _EARLIEST:
        return sent, _NONE
    return occurred_at, ClockCorrection.SENT_AT


def _original(candidate: Candidate, foreign: ForeignCandidate, occurred_at: datetime) -> str | None:
    sent = candidate.occurred_at
    if sent is occurred_at or sent is None or sent == occurred_at:
        return None
    return foreign.original_timestamp or sent.isoformat()
