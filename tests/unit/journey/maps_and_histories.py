"""Random maps and random histories for the property tests, on a grid of whole minutes.

Few event names, short durations and many equal instants, so that rules interact often.
"""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st
from msgspec import structs

from shared.journey.comparison import Operator, Predicate, Scalar
from shared.journey.condition import Condition
from shared.journey.kinds import (
    All,
    AnyOf,
    IdleFor,
    InStageFor,
    MilestoneReached,
    Never,
    Not,
    Performed,
    Trait,
)
from shared.journey.map import Back, Journey, Loop, Milestone, Outcome, Stage, WinBack
from shared.journey.model import SubjectKind, Touchpoint
from shared.journey.trackers import Since, TraitOwner
from tests.support.touchpoints import touchpoint

START = datetime(2026, 1, 1, tzinfo=UTC)
LAST_MINUTE = 30
LONGEST_SPAN = 12
EVENTS = ("A", "B", "C", "D")
MILESTONES = ("m1", "m2")

FEW = st.sampled_from([0, 1, 2])
WHERES: tuple[tuple[Predicate, ...], ...] = (
    (),
    (),
    (),
    (Predicate(path="n", operator=Operator.GTE, value=1),),
    (Predicate(path="n", operator=Operator.NE, value=1),),
    (Predicate(path="n", operator=Operator.IN, value=(0, 2)),),
    (Predicate(path="o.p", operator=Operator.EXISTS, value=True),),
)
TRAITS: tuple[tuple[Operator, Scalar], ...] = (
    (Operator.EQ, "pro"),
    (Operator.NE, "pro"),
    (Operator.EXISTS, True),
    (Operator.EXISTS, False),
    (Operator.STARTS_WITH, "p"),
    (Operator.EQ, 1),
    (Operator.EQ, True),
)

_shapes = Random(7)  # noqa: S311 - always the same shapes, so that a run can be repeated
_leaves_by_weight = ("performed",) * 5 + ("never", "trait", "idle", "in_stage", "milestone")


def _span() -> timedelta:
    return timedelta(minutes=_shapes.randint(1, LONGEST_SPAN))


def _leaf() -> Condition:
    names = tuple(_shapes.sample(EVENTS, _shapes.choice([1, 1, 2])))
    where = _shapes.choice(WHERES)
    within = _shapes.choice([None, _span()])
    since = _shapes.choice([None, None, None, *Since])
    match _shapes.choice(_leaves_by_weight):
        case "performed":
            count = _shapes.choice([1, 1, 2, 3])
            return Performed(events=names, where=where, count=count, within=within, since=since)
        case "never":
            return Never(events=names, where=where, within=within, since=since)
        case "trait":
            operator, value = _shapes.choice(TRAITS)
            predicate = Predicate(path="plan", operator=operator, value=value)
            return Trait(owner=_shapes.choice(list(TraitOwner)), predicate=predicate)
        case "idle":
            return IdleFor(duration=_span())
        case "in_stage":
            return InStageFor(duration=_span(), stage=_shapes.choice([None, None, "s0", "s1"]))
        case _:
            return MilestoneReached(milestone=_shapes.choice(MILESTONES))


def _shape(depth: int) -> Condition:
    parts = tuple(
        _shape(depth - 1) if depth > 1 else _leaf() for _ in range(_shapes.choice([1, 2, 2, 3]))
    )
    shapes: list[Condition] = [All(parts=parts), AnyOf(parts=parts), Not(part=parts[0])]
    return _shapes.choice(shapes)


def _window() -> Condition:
    """A condition that holds once a window has emptied, after something has happened."""
    names = tuple(_shapes.sample(EVENTS, 1))
    happened = Performed(events=_shapes.choice([names, EVENTS]))
    recently = Performed(events=names, within=_span(), count=_shapes.choice([1, 2]))
    quiet: list[Condition] = [Never(events=names, within=_span()), Not(part=recently)]
    return All(parts=(happened, _shapes.choice(quiet)))


CONDITIONS: tuple[Condition, ...] = (
    Performed(events=("A",)),
    Performed(events=("B",)),
    *(_leaf() for _ in range(400)),
    *(_window() for _ in range(200)),
    *(_shape(1) for _ in range(400)),
    *(_shape(2) for _ in range(400)),
)
"""Drawn by their number: drawing whole trees would take most of a test's time."""

whens = st.sampled_from(CONDITIONS)
stalls = st.sampled_from([None, *(timedelta(minutes=minutes) for minutes in (3, 5, 8))])


@st.composite
def journeys(draw: st.DrawFn) -> Journey:
    """Maps of two to four stages; a rule in three is left out."""
    keys = [f"s{number}" for number in range(draw(st.integers(2, 4)))]
    keys_drawn = st.sampled_from(keys)
    some_stages = st.sampled_from([(), *((key,) for key in keys), tuple(keys[:2])])
    stages = []
    for at, key in enumerate(keys):
        backs = [Back(to=to, when=draw(whens)) for to in keys[max(0, at - draw(FEW)) : at]]
        enter = None if at == 0 and draw(st.booleans()) else draw(whens)
        stall_after = draw(stalls)
        stages.append(
            Stage(key=key, title=key, enter=enter, back=tuple(backs), stall_after=stall_after)
        )
    outcomes = []
    for key in ("won", "lost")[: draw(FEW)]:
        win_back = WinBack(to=draw(keys_drawn), when=draw(whens)) if draw(FEW) else None
        outcomes.append(
            Outcome(
                key=key,
                title=key,
                kind="lost",
                when=draw(whens),
                stages=draw(some_stages),
                win_back=win_back,
            )
        )
    loops = [
        Loop(stages=draw(some_stages), to=draw(keys_drawn), when=draw(whens))
        for _ in range(draw(FEW))
    ]
    return Journey(
        key="random",
        version=3,
        title="Random",
        subject=SubjectKind.ACCOUNT,
        stages=tuple(stages),
        applies_to=draw(whens) if draw(FEW) == 1 else None,
        outcomes=tuple(outcomes),
        milestones=tuple(Milestone(key=key, title=key, when=draw(whens)) for key in MILESTONES),
        loops=tuple(loops),
        may_skip=draw(st.booleans()),
    )


PROPERTIES: tuple[dict[str, Any], ...] = ({}, {"n": 0}, {"n": 1}, {"n": 2, "o": {"p": True}})
TRAIT_VALUES: tuple[dict[str, Any], ...] = (
    {},
    {},
    {},
    {"plan": "pro"},
    {"plan": "free"},
    {"plan": None},
    {"plan": 1},
)
FLAVOURS = tuple(
    touchpoint(
        "",
        START,
        properties=_shapes.choice(PROPERTIES),
        person=_shapes.choice([None, "ann", "bob"]),
        traits=_shapes.choice(TRAIT_VALUES),
        account_traits=_shapes.choice(TRAIT_VALUES),
        value=_shapes.choice([None, None, 10.0, 25.5]),
    )
    for _ in range(60)
)
_happenings = st.tuples(
    st.integers(0, LAST_MINUTE),
    st.integers(-1, 1),
    st.sampled_from((*EVENTS, "Z")),
    st.sampled_from(FLAVOURS),
)


@st.composite
def histories(draw: st.DrawFn, *, most: int = 14) -> list[Touchpoint]:
    """Touchpoints with distinct ids, in no particular order, many at the same instant."""
    size = draw(st.integers(0, most))
    drawn = draw(st.lists(_happenings, min_size=size, max_size=size))
    # Multiplying by a unit modulo 17 mixes the ids, so that they do not follow the list.
    return [
        structs.replace(
            flavour,
            message_id=f"msg-{(at * 5 + 3) % 17:02}",
            occurred_at=START + timedelta(minutes=minute),
            tie=tie,
            event=event,
        )
        for at, (minute, tie, event, flavour) in enumerate(drawn)
    ]


clocks = st.integers(0, LAST_MINUTE + 2 * LONGEST_SPAN).map(
    lambda minutes: START + timedelta(minutes=minutes)
)
