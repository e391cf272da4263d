"""The effects of the engine as rows. Pure.

A subject's journey results in transitions (and the current ones that they supersede), stall alerts, a
placement, and notices in the outbox.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Any
from uuid import UUID

from services.stager.records.records import STALL
from services.stager.store.rows import CurrentTransition, JourneyKey, Row, StoredAlert
from services.stager.subjects.subject import encode_json
from shared.contracts.message_ids import as_sent
from shared.journey.compile import CompiledJourney
from shared.journey.map import Stage
from shared.journey.model import Effect, LastTouchpoint, Stall, Status, Transition
from shared.journey.state import State
from shared.wording import counted

Visit = tuple[str, int, datetime]
"""Stage, cycle, start: the visit of a journey that an alert is about."""


class AlertResolution(StrEnum):
    """Why the stager resolved an alert."""

    MOVED = "moved"
    """The subject moved on; the instant is that of the move."""
    CORRECTED = "corrected"
    """After a late event or by a new map version there is no stall."""
    MERGED = "merged"
    """The subject became part of another one, or left the journey's kind of subject."""
    RETIRED = "retired"
    """The journey was retired."""


class Notice(StrEnum):
    """`outbox.type`: the kinds of notices."""

    ENTERED = "journey.stage.entered"
    EXITED = "journey.stage.exited"
    STALLED = "journey.stage.stalled"
    CORRECTED = "journey.stage.corrected"


class RefoldReason(StrEnum):
    """Why a history is re-folded."""

    LATE = "late"
    MERGE = "merge"
    MAP = "map"
    ERASE = "erase"
    RETRACT = "retract"


def transition_row(key: JourneyKey, t: Transition) -> Row:
    """Row of `transition`; two with equal columns 3 to 14 are the same move."""
    return (
        *key,
        t.sequence,
        t.kind.value,
        t.from_stage,
        t.to_stage,
        t.outcome,
        t.cycle,
        t.occurred_at,
        t.dwell_seconds,
        t.cause.message_id,
        t.cause.event,
        t.cause.timer,
        t.rule,
        t.map_version,
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """How a re-folded history differs from the stored one."""

    superseded: list[int]
    """Ids of stored transitions that the new history does not have."""
    added: list[Transition]


def difference(
    current: Sequence[CurrentTransition], refolded: Sequence[Transition], key: JourneyKey
) -> Difference:
    """Compare all but `map_version` and `processed_at`; equal transitions are not written again."""
    remaining = {transition.facts: transition.transition_id for transition in current}
    added = [t for t in refolded if remaining.pop(transition_row(key, t)[3:15], None) is None]
    return Difference(superseded=sorted(remaining.values()), added=added)


def visits_stalled(effects: Iterable[Effect]) -> dict[Visit, Stall]:
    """Each stall once, in its last form: cleared, if its visit ended."""
    return {
        (effect.stage, effect.cycle, effect.entered_at): effect
        for effect in effects
        if isinstance(effect, Stall)
    }


def alert_row(key: JourneyKey, stall: Stall, compiled: CompiledJourney) -> Row:
    """Row of `alert`, resolved if the stall was cleared. The id is a function of the visit."""
    stage = stage_of(compiled, stall.stage)
    last = stall.last_touchpoint
    stall_after = stage.stall_after.total_seconds() if stage and stage.stall_after else None
    return (
        key[0],
        alert_id(key, stall),
        "open" if stall.cleared_at is None else "resolved",
        key[1],
        key[2],
        stall.stage,
        stall.cycle,
        stall.entered_at,
        stage.owner if stage else None,
        stall.stalled_at,
        stall.cleared_at,
        None if stall.cleared_at is None else AlertResolution.MOVED.value,
        None if last is None else encode_json(_shown(last)),
        stall.value,
        encode_json(
            {
                "entered_at": stall.entered_at,
                "stalled_at": stall.stalled_at,
                "stall_after_seconds": stall_after,
                "map_version": compiled.journey.version,
            }
        ),
        _summary(key[1], stall, stage),
    )


def alert_id(key: JourneyKey, stall: Stall) -> str:
    """An id that is a function of the visit, so that a replay opens the same alert."""
    visit = (*key, STALL, stall.stage, stall.cycle, stall.entered_at.isoformat())
    digest = blake2b(repr(visit).encode(), digest_size=16).digest()
    return str(UUID(bytes=digest, version=5))


def stage_of(compiled: CompiledJourney, key: str) -> Stage | None:
    """A stage of the journey by its key."""
    return next((stage for stage in compiled.journey.stages if stage.key == key), None)


_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def _span(seconds: float) -> str:
    for size, unit in _UNITS:
        if seconds >= size:
            return counted(int(seconds // size), unit)
    return "a moment"


def _summary(subject_id: str, stall: Stall, stage: Stage | None) -> str:
    title = stage.title if stage else stall.stage
    waited = _span((stall.stalled_at - stall.entered_at).total_seconds())
    text = f"{subject_id} has been in {title} for {waited} without moving on"
    last = stall.last_touchpoint
    if last is None:
        return f"{text}."
    channel = f" ({last.channel})" if last.channel else ""
    return f"{text}; the last touchpoint was {last.event}{channel} on {last.occurred_at:%Y-%m-%d}."


def alerts_to_end(
    stored: Sequence[StoredAlert], stalls: dict[Visit, Stall], resolution: AlertResolution
) -> list[tuple[str, str]]:
    """(id, resolution) of open alerts whose stall is not among `stalls` any more."""
    return [
        (alert.alert_id, resolution.value)
        for alert in stored
        if alert.state != "resolved" and alert.visit not in stalls
    ]


def alerts_to_write(
    stored: Sequence[StoredAlert], stalls: dict[Visit, Stall]
) -> tuple[list[Stall], list[Stall]]:
    """(stalls whose alert is missing or differs, those of them without an alert that are open)."""
    by_visit = {alert.visit: alert for alert in stored}
    write: list[Stall] = []
    new: list[Stall] = []
    by_stager = {each.value for each in AlertResolution}
    for visit, stall in stalls.items():
        alert = by_visit.get(visit)
        if alert is None:
            write.append(stall)
            if stall.cleared_at is None:
                new.append(stall)
        elif alert.state != "resolved":
            if stall.cleared_at is not None:
                write.append(stall)
        elif alert.resolution in by_stager and alert.resolved_at != stall.cleared_at:
            write.append(stall)
    return write, new


def placement_row(
    key: JourneyKey, compiled: CompiledJourney, state: State, version: int
) -> Row | None:
    """Row of `placement` without `processed_at`; None for a subject that is not on the journey."""
    if state.status is Status.NOT_STARTED:
        return None
    return (
        *key,
        compiled.journey.version,
        state.status.value,
        state.stage,
        state.outcome,
        state.cycle,
        state.entered_at,
        state.stalled_at,
        encode_json(state.milestones),
        version,
    )


def placement_differs(before: State, after: State) -> bool:
    """Whether two states have different rows of `placement`, `map_version` and `version` aside."""
    return (
        before.sequence != after.sequence
        or before.status is not after.status
        or before.stage != after.stage
        or before.entered_at != after.entered_at
        or before.cycle != after.cycle
        or before.outcome != after.outcome
        or before.stalled_at != after.stalled_at
        or before.milestones != after.milestones
    )


def notices(key: JourneyKey, t: Transition, now: datetime) -> list[Row]:
    """Rows of `outbox` for a move: the stage left, then the one entered."""
    payload = encode_json(
        {
            "account_id": key[1],
            "journey": key[2],
            "kind": t.kind,
            "from_stage": t.from_stage,
            "to_stage": t.to_stage,
            "outcome": t.outcome,
            "cycle": t.cycle,
            "occurred_at": t.occurred_at,
            "processed_at": now,
            "dwell_seconds": t.dwell_seconds,
            "cause": _cause(t),
            "rule": t.rule,
            "map_version": t.map_version,
        }
    )
    rows: list[Row] = []
    if t.from_stage is not None and t.dwell_seconds is not None:
        rows.append((key[0], Notice.EXITED.value, key[1], payload))
    if t.to_stage is not None:
        rows.append((key[0], Notice.ENTERED.value, key[1], payload))
    return rows


def _cause(t: Transition) -> dict[str, str | None]:
    if t.cause.timer is not None:
        return {"timer": t.cause.timer}
    sent = None if t.cause.message_id is None else as_sent(t.cause.message_id)
    return {"message_id": sent, "event": t.cause.event}


def _shown(last: LastTouchpoint | None) -> dict[str, Any] | None:
    """A touchpoint under the message id as its sender knows it."""
    if last is None:
        return None
    return {
        "message_id": as_sent(last.message_id),
        "event": last.event,
        "occurred_at": last.occurred_at,
        "channel": last.channel,
    }


def stalled_notice(key: JourneyKey, stall: Stall, compiled: CompiledJourney) -> Row:
    """Row of `outbox` for a new stall."""
    stage = stage_of(compiled, stall.stage)
    payload = {
        "account_id": key[1],
        "journey": key[2],
        "stage": stall.stage,
        "cycle": stall.cycle,
        "entered_at": stall.entered_at,
        "stalled_at": stall.stalled_at,
        "alert_id": alert_id(key, stall),
        "owner": stage.owner if stage else None,
        "last_touchpoint": _shown(stall.last_touchpoint),
        "value_at_risk": stall.value,
        "map_version": compiled.journey.version,
    }
    return (key[0], Notice.STALLED.value, key[1], encode_json(payload))


def corrected_notice(
    key: JourneyKey,
    compiled: CompiledJourney,
    state: State,
    change: Difference,
    reason: RefoldReason,
) -> Row:
    """Row of `outbox` for a history that was corrected, with the place where the subject is now."""
    payload = {
        "account_id": key[1],
        "journey": key[2],
        "reason": reason,
        "status": state.status,
        "stage": state.stage,
        "outcome": state.outcome,
        "cycle": state.cycle,
        "entered_at": state.entered_at,
        "superseded": len(change.superseded),
        "added": len(change.added),
        "map_version": compiled.journey.version,
    }
    return (key[0], Notice.CORRECTED.value, key[1], encode_json(payload))
