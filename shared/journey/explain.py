"""Why a subject is where it is, and what would move it: the reachable rules, part by part.

An explanation walks the conditions as the map has them and reads the same facts as the closures of
the fold do; a test holds the two against each other.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.journey.compile import CompiledJourney
from shared.journey.conditions import (
    All,
    AnyOf,
    Condition,
    IdleFor,
    InStageFor,
    MilestoneReached,
    Never,
    Not,
    Performed,
    Scalar,
    Trait,
    TraitOwner,
)
from shared.journey.deadlines import candidates
from shared.journey.facts import Place, is_nobody, trait_holds
from shared.journey.fold import advance
from shared.journey.model import Status, TransitionKind
from shared.journey.plan import Target
from shared.journey.sentences import comparison, named, rest, sentence
from shared.journey.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One condition, with its parts below it."""

    condition: str
    """Kind: `all any not performed never trait idle in_stage milestone`, or `touchpoint`: any."""
    text: str
    """What it asks, as a sentence."""
    holds: bool
    have: Scalar = None
    """What there is: a count; seconds of waiting; a trait's value, of persons how many have it."""
    need: Scalar = None
    """What is asked for, in the same measure; None where a sentence says it better."""
    satisfied_by: str | None = None
    """What would make it hold, as a sentence; None if it holds or nothing of its own can."""
    events: tuple[str, ...] = ()
    """Events that would bring it nearer."""
    at: datetime | None = None
    """Instant at which time alone makes it hold, if no touchpoint comes."""
    until: datetime | None = None
    """Instant at which time alone ends it, if no touchpoint comes."""
    parts: tuple["Node", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachable:
    """One rule that could act next."""

    rule: str
    """Path of the rule within the map."""
    kind: TransitionKind | None
    """None for `applies_to`: the subject would join the journey."""
    to_stage: str | None
    outcome: str | None
    holds: bool
    waits: bool
    """Its stage was entered since the last touchpoint already: it waits for the next one."""
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


def explain(compiled: CompiledJourney, state: State, now: datetime) -> Explanation:
    """Explain `state` as it stands when the clock reads `now`; deadlines up to `now` count.

    For a `now` before the newest thing in `state` the answer is that of its own newest instant.
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
            _reachable(compiled, state, now, target)
            for target in compiled.plan(state).rules.targets
        ),
    )


def _reachable(compiled: CompiledJourney, state: State, now: datetime, target: Target) -> Reachable:
    if target.condition is None:
        has_any = state.last is not None
        node = Node(
            condition="touchpoint",
            text="any touchpoint",
            holds=has_any,
            satisfied_by=None if has_any else "any touchpoint",
        )
    else:
        node = _Walk(compiled, state, now, target.place).node(target.condition)
    return Reachable(
        rule=target.rule,
        kind=target.kind,
        to_stage=target.to,
        outcome=target.outcome,
        holds=node.holds,
        waits=target.to in state.entered,
        at=None if node.holds else _holds_at(compiled, state, now, target),
        condition=node,
    )


def _holds_at(
    compiled: CompiledJourney, state: State, now: datetime, target: Target
) -> datetime | None:
    instants = sorted(candidates(compiled.plan(state), state))
    return next((each for each in instants if each > now and target.check(state, each)), None)


class _Walk:
    """One walk over a condition at one place, for one state at one instant."""

    def __init__(
        self, compiled: CompiledJourney, state: State, now: datetime, place: Place
    ) -> None:
        self.compiled = compiled
        self.facts = compiled.facts
        self.state = state
        self.now = now
        self.place = place
        self.inside: tuple[str, ...] = ()
        """Milestones whose own conditions the walk is in; one may name itself."""

    def node(self, condition: Condition) -> Node:  # noqa: PLR0911 - one return a kind
        match condition:
            case All():
                return self._all(condition)
            case AnyOf():
                return self._any(condition)
            case Not():
                return self._not(condition)
            case Performed():
                return self._performed(condition)
            case Never():
                return self._never(condition)
            case Trait():
                return self._trait(condition)
            case IdleFor():
                return self._idle(condition)
            case InStageFor():
                return self._in_stage(condition)
            case MilestoneReached():
                return self._milestone(condition)

    def _text(self, condition: Condition) -> str:
        return sentence(condition, self.place.scope)

    def _all(self, condition: All) -> Node:
        parts = tuple(self.node(part) for part in condition.parts)
        missing = [part for part in parts if not part.holds]
        words = [part.satisfied_by for part in missing if part.satisfied_by is not None]
        return Node(
            condition="all",
            text=self._text(condition),
            holds=not missing,
            have=len(parts) - len(missing),
            need=len(parts),
            satisfied_by=" and ".join(words) if words and len(words) == len(missing) else None,
            events=_events(missing),
            parts=parts,
        )

    def _any(self, condition: AnyOf) -> Node:
        parts = tuple(self.node(part) for part in condition.parts)
        holding = [part for part in parts if part.holds]
        words = [part.satisfied_by for part in parts if part.satisfied_by is not None]
        return Node(
            condition="any",
            text=self._text(condition),
            holds=bool(holding),
            have=len(holding),
            need=1,
            satisfied_by=None if holding or not words else ", or ".join(words),
            events=() if holding else _events(parts),
            parts=parts,
        )

    def _not(self, condition: Not) -> Node:
        part = self.node(condition.part)
        return Node(
            condition="not",
            text=self._text(condition),
            holds=not part.holds,
            satisfied_by=None if not part.holds or part.until is None else "waiting",
            at=part.until,
            until=part.at,
            parts=(part,),
        )

    def _performed(self, condition: Performed) -> Node:
        have, instants = self._happened(condition)
        missing = max(0, condition.count - have)
        until = None
        if not missing and condition.within is not None:
            until = instants[-condition.count] + condition.within
        return Node(
            condition="performed",
            text=self._text(condition),
            holds=not missing,
            have=have,
            need=condition.count,
            satisfied_by=_more(condition, missing) if missing else None,
            events=condition.events if missing else (),
            until=until,
        )

    def _never(self, condition: Never) -> Node:
        have, instants = self._happened(condition)
        at = instants[-1] + condition.within if instants and condition.within is not None else None
        return Node(
            condition="never",
            text=self._text(condition),
            holds=not have,
            have=have,
            need=0,
            satisfied_by=None if at is None else f"no {named(condition.events)} until then",
            at=at,
        )

    def _trait(self, condition: Trait) -> Node:
        tracker = self.facts.trait(condition)
        holds = trait_holds(condition, tracker, self.state)
        text = self._text(condition)
        have: Scalar = len(self.state.held.get(tracker.number, ()))
        need: Scalar = 0 if is_nobody(condition) else 1
        if condition.owner is TraitOwner.ACCOUNT:
            asked = condition.predicate.value
            have = self.state.traits.get(condition.predicate.path)
            need = None if isinstance(asked, tuple) else asked
        return Node(
            condition="trait",
            text=text,
            holds=holds,
            have=have,
            need=need,
            satisfied_by=None if holds else text,
        )

    def _idle(self, condition: IdleFor) -> Node:
        last = self.state.last
        return self._wait(condition, None if last is None else last.occurred_at, "idle")

    def _in_stage(self, condition: InStageFor) -> Node:
        state = self.state
        since = state.entered_at
        if condition.stage is not None and (
            condition.stage != state.stage or state.status is Status.ENDED
        ):
            since = None
        return self._wait(condition, since, "in_stage")

    def _wait(self, condition: IdleFor | InStageFor, since: datetime | None, kind: str) -> Node:
        waited = timedelta(0) if since is None else self.now - since
        holds = since is not None and waited >= condition.duration
        missing = condition.duration - waited
        return Node(
            condition=kind,
            text=self._text(condition),
            holds=holds,
            have=waited.total_seconds(),
            need=condition.duration.total_seconds(),
            satisfied_by=None if holds or since is None else f"waiting {rest(missing)} more",
            at=None if holds or since is None else since + condition.duration,
        )

    def _milestone(self, condition: MilestoneReached) -> Node:
        key = condition.milestone
        if key in self.state.milestones:
            return Node(condition="milestone", text=self._text(condition), holds=True)
        parts: tuple[Node, ...] = ()
        if key not in self.inside:
            rule = next(each for each in self.compiled.milestones if each.key == key)
            below = _Walk(self.compiled, self.state, self.now, rule.place)
            below.inside = (*self.inside, key)
            parts = (below.node(rule.condition),)
        return Node(
            condition="milestone",
            text=self._text(condition),
            holds=False,
            satisfied_by=next((part.satisfied_by for part in parts), None),
            events=_events(parts),
            parts=parts,
        )

    def _happened(self, condition: Performed | Never) -> tuple[int, list[datetime]]:
        """How often, up to what is remembered, and at which instants still inside the window."""
        tracker = self.facts.tracker(condition, self.place)
        if condition.within is None:
            return self.state.counts.get(tracker.number, 0), []
        times = self.state.times.get(tracker.number, [])
        inside = [each for each in times if self.now - each < condition.within]
        return len(inside), inside


def _events(nodes: list[Node] | tuple[Node, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(event for node in nodes for event in node.events))


def _more(condition: Performed, missing: int) -> str:
    words = named(condition.events)
    if missing > 1 or condition.count > 1:
        words += f" {missing} more time{'' if missing == 1 else 's'}"
    if condition.where:
        words += f" where {' and '.join(map(comparison, condition.where))}"
    return words
