"""Single conditions of the random pool, against the reference and against its explanation."""

from datetime import datetime

from hypothesis import given, settings

from shared.journey.compile import compile_journey
from shared.journey.explain import explain
from shared.journey.facts import Place
from shared.journey.fold import refold
from shared.journey.kinds import All, InStageFor, Performed
from shared.journey.map import Back, Journey, Loop, Milestone, Outcome, Stage
from shared.journey.model import SubjectKind, Touchpoint
from shared.journey.trackers import Since
from tests.unit.journey.maps_and_histories import CONDITIONS, clocks, histories
from tests.unit.journey.reference import Reference
from tests.unit.journey.test_fold_properties import fixed

CHECKED = CONDITIONS[::9]
IMPOSSIBLE = Performed(events=("It never happens",))
JOURNEY = Journey(
    key="pool",
    version=1,
    title="Pool",
    subject=SubjectKind.ACCOUNT,
    stages=(
        Stage(key="s0", title="s0"),
        Stage(
            key="s1",
            title="s1",
            enter=Performed(events=("B",)),
            back=(Back(to="s0", when=Performed(events=("C",))),),
        ),
    ),
    milestones=(
        Milestone(key="m1", title="m1", when=Performed(events=("A",), count=2)),
        Milestone(key="m2", title="m2", when=Performed(events=("D",))),
    ),
    loops=(Loop(stages=("s1",), to="s0", when=Performed(events=("D",), count=2)),),
    # Outcomes that never act, so that each condition can be evaluated by itself.
    outcomes=tuple(
        Outcome(key=str(at), title="", kind="lost", when=All(parts=(condition, IMPOSSIBLE)))
        for at, condition in enumerate(CHECKED)
    ),
)
COMPILED = compile_journey(JOURNEY)
PLACE = Place(since=Since.CYCLE)
CLOSURES = [condition.compile(PLACE, COMPILED.facts) for condition in CHECKED]


@given(histories(), clocks)
@settings(fixed, max_examples=20)
def test_closure_explanation_and_reference_give_one_answer(
    history: list[Touchpoint], now: datetime
) -> None:
    now = max([now, *(each.occurred_at for each in history)])
    state, _ = refold(COMPILED, history, now)
    reference = Reference(JOURNEY).run(history, now)
    if not history:
        return

    explained = explain(COMPILED, state, now).reachable

    for at, (condition, closure) in enumerate(zip(CHECKED, CLOSURES, strict=True)):
        node = explained[at].condition
        answer = closure(state, now)
        assert reference.holds(condition, Since.CYCLE, None, now) == answer, condition
        assert node.parts[0].holds == answer, condition
        assert not node.holds


def test_the_pool_holds_every_kind_of_condition() -> None:
    kinds = {type(condition) for condition in CHECKED}

    assert len(kinds) == 9
    assert any(isinstance(each, InStageFor) and each.stage for each in CHECKED)
