"""Why a subject is where it is, and what would move it: the reachable rules, condition by condition.

An explanation walks the conditions as the map has them and reads the same facts as the closures of
the fold do; a property test compares the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.journey.compile import CompiledJourney
from shared.journey.condition import Explainer, Node
from shared.journey.deadlines import candidates
from shared.journey.fold import advance
from shared.journey.model import Status, Touchpoint, TransitionKind
from shared.journey.plan import PlannedMove
from shared.journey.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachable:
    """A rule that could act next."""

    rule: str
    """Path of the rule within the map."""
    kind: TransitionKind | None
    """None for `applies_to`: the subject would join the journey."""
    to_stage: str | None
    outcome: str | None
    holds: bool
    waits: bool
    """Its stage was already entered since the last touchpoint, so it can act at the next one only."""
    at: datetime | None
    """Instant at which time alone makes it hold, if no touchpoint and no other rule comes first."""
    condition: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A subject's position at `as_of`, and every rule that could act next, strongest first."""

    as_of: datetime
    status: Status
    stage: str | None
    outcome: str | None
    cycle: int
    reachable: tuple[Reachable, ...]


def explain(
    compiled: CompiledJourney, state: State, now: datetime, recent: Sequence[Touchpoint] = ()
) -> Explanation:
    """Explain `state` as it stands when the clock reads `now`; deadlines up to `now` count.

    `recent`: touchpoints, newest first, for what came close and did not count.

    A `now` before the newest instant in `state` is replaced by that instant.
    """
    state, _ = advance(compiled, state, now)
    if state.last is not None:
        now = max(now, state.last.occurred_at, state.advanced_to or now)
    return Explanation(
        as_of=now,
        status=state.status,
        stage=state.stage,
        outcome=state.outcome,
        cycle=state.cycle,
        reachable=tuple(
            _reachable(compiled, state, now, move, recent)
            for move in compiled.plan(state).rules.moves
        ),
    )


def _reachable(
    compiled: CompiledJourney,
    state: State,
    now: datetime,
    move: PlannedMove,
    recent: Sequence[Touchpoint],
) -> Reachable:
    explainer = Explainer(
        state=state,
        now=now,
        place=move.place,
        facts=compiled.facts,
        milestones=compiled.milestones,
        recent=recent,
    )
    node = move.condition.explain(explainer)
    return Reachable(
        rule=move.rule,
        kind=move.kind,
        to_stage=move.to,
        outcome=move.outcome,
        holds=node.holds,
        waits=move.to in state.entered,
        at=None if node.holds else _holds_at(compiled, state, now, move),
        condition=node,
    )


def _holds_at(
    compiled: CompiledJourney, state: State, now: datetime, move: PlannedMove
) -> datetime | None:
    instants = sorted(candidates(compiled.plan(state), state))
    return next((each for each in instants if each > now and move.check(state, each)), None)
