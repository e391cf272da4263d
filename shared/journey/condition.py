"""What every kind of condition implements, and what it is given.

A condition is plain data: no user code and no user regular expressions, so evaluating one costs what
its size says. The kinds are the modules of `shared.journey.kinds`; nothing outside them depends on
which kinds there are.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from shared.journey.comparison import Scalar
from shared.journey.facts import FactRegistry, Place
from shared.journey.model import Touchpoint
from shared.journey.state import State
from shared.journey.trackers import Since

LONGEST = timedelta(days=36_525)
"""A century: longer durations are a mistake in the map, and instants stay inside the calendar."""

Check = Callable[[State, datetime], bool]
"""Whether a condition holds for a state at an instant. Reads nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What the truth of a condition depends on."""

    facts: frozenset[int] = frozenset()
    """Numbers of the facts about touchpoints that it reads."""
    milestones: frozenset[str] = frozenset()
    idles: frozenset[timedelta] = frozenset()
    """Its truth can change so long after the last touchpoint, and at the one that ends that."""
    visits: frozenset[timedelta] = frozenset()
    """Its truth can change so long after the visit began."""
    windows: frozenset[tuple[int, timedelta]] = frozenset()
    """Its truth can change so long after an instant of a windowed fact."""

    def union(self, others: Iterable["Needs"]) -> "Needs":
        """What all of these truths depend on."""
        needs = [self, *others]
        return Needs(
            facts=frozenset().union(*(each.facts for each in needs)),
            milestones=frozenset().union(*(each.milestones for each in needs)),
            idles=frozenset().union(*(each.idles for each in needs)),
            visits=frozenset().union(*(each.visits for each in needs)),
            windows=frozenset().union(*(each.windows for each in needs)),
        )

    @property
    def is_timed(self) -> bool:
        """Whether time alone can change the truth."""
        return bool(self.idles or self.visits or self.windows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One condition explained, with its parts below it."""

    condition: str
    """`kind` of the condition."""
    text: str
    """The condition as a sentence."""
    holds: bool
    have: Scalar = None
    """The present measure: a count; seconds of waiting; a trait's value, of persons their number."""
    need: Scalar = None
    """The required measure, in the same unit; None where a sentence says it better."""
    satisfied_by: str | None = None
    """What would make it hold, as a sentence; None if it holds or nothing of its own can."""
    events: tuple[str, ...] = ()
    """Events that would bring it nearer."""
    at: datetime | None = None
    """Instant at which time alone makes it hold, if no touchpoint comes."""
    until: datetime | None = None
    """Instant at which time alone ends it, if no touchpoint comes."""
    parts: tuple["Node", ...] = ()


class Condition(ABC):
    """One kind of condition. Subclasses are frozen dataclasses: values, equal by their fields.

    `compile` and `explain` read the same facts and must agree; a property test compares them.
    """

    __slots__ = ()

    kind: ClassVar[str]
    """Name of the kind in explanations."""

    @abstractmethod
    def compile(self, place: Place, facts: FactRegistry) -> Check:
        """Closure of the condition as it stands at `place`; registers the facts that it reads.

        Registering numbers the facts, so the order of registration is part of the stored format.
        Raises ValueError for a condition that makes no sense.
        """

    @abstractmethod
    def explain(self, explainer: "Explainer") -> Node:
        """The condition explained for the explainer's state and instant."""

    @abstractmethod
    def sentence(self, since: Since) -> str:
        """The condition in plain words; `since` is the default of its place."""

    def needs(self, place: Place, facts: FactRegistry) -> Needs:
        """What the truth at `place` depends on, parts aside. By default on the milestones named."""
        del place, facts
        return Needs(milestones=frozenset(self.named_milestones()))

    def inside(self) -> tuple["Condition", ...]:
        """The conditions directly inside."""
        return ()

    def named_stages(self) -> tuple[str, ...]:
        """Keys of the stages named by the condition itself."""
        return ()

    def named_milestones(self) -> tuple[str, ...]:
        """Keys of the milestones named by the condition itself."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explainer:
    """What an explanation reads: one state at one instant, for conditions at one place."""

    state: State
    now: datetime
    place: Place
    facts: FactRegistry
    milestones: Mapping[str, tuple[Condition, Place]]
    """Every milestone's own condition, by key."""
    recent: Sequence[Touchpoint] = ()
    """Newest touchpoints of the subject, newest first: what came close. Facts keep none that was refused."""
    open_milestones: tuple[str, ...] = ()
    """Milestones whose own conditions are being explained; one may name itself."""

    def text(self, condition: Condition) -> str:
        """`condition` as a sentence, at this place."""
        return condition.sentence(self.place.since)

    def milestone(self, key: str) -> tuple[Node, ...]:
        """Explanation of the milestone's own condition; empty inside that very condition."""
        if key in self.open_milestones:
            return ()
        condition, place = self.milestones[key]
        below = replace(self, place=place, open_milestones=(*self.open_milestones, key))
        return (condition.explain(below),)


def walk(condition: Condition) -> Sequence[Condition]:
    """The condition and everything inside it, outermost first."""
    return [condition, *(inner for part in condition.inside() for inner in walk(part))]


def needs_of(condition: Condition, place: Place, facts: FactRegistry) -> Needs:
    """What the truth of `condition` at `place`, parts included, depends on."""
    return Needs().union(part.needs(place, facts) for part in walk(condition))


def events_of(nodes: Iterable[Node]) -> tuple[str, ...]:
    """Events that would bring any of the nodes nearer, each once."""
    return tuple(dict.fromkeys(event for node in nodes for event in node.events))


def is_duration(duration: timedelta) -> bool:
    """Whether a rule may wait for `duration`."""
    return timedelta(0) < duration <= LONGEST


def checked_duration(duration: timedelta) -> timedelta:
    """`duration` itself. Raises ValueError unless it is positive and at most a century."""
    if not is_duration(duration):
        raise ValueError(f"{duration} is not a span between an instant and a century")
    return duration
