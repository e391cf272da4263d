"""Documents as the engine's model; the expected model is written by hand."""

from datetime import timedelta

from shared.journey.comparison import Operator, Predicate
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
from shared.journey.model import SubjectKind
from shared.journey.trackers import Since, TraitOwner
from shared.maps import parse, to_journey

EVERYTHING = """\
journey: everything
title: Everything
subject: person
applies_to:
  all:
    - {trait: {of: account, name: industry, eq: saas}}
    - {trait: {of: person, name: plan.seats, gte: 5, lt: 50}}
policy: {skips: forbid}
stages:
  - {key: one, title: One, job: begin, owner: sales, stall_after: 90s}
  - key: two
    title: Two
    enter:
      any:
        - event: [A, B]
        - event: C
          where:
            plan: pro
            seats: {gte: 5, ne: 7}
            country: [no-bokmal, se]
            coupon: {exists: false}
            tags: {contains: vip}
            page: {starts_with: /pricing}
            price: {gt: 1.5, lte: 9}
            trial: true
          count: 3
          within: 14d
          since: ever
        - never: {event: D, where: {n: 1}, within: 2w, since: visit}
        - {idle: 1mo}
        - {in_stage: 5m}
        - {in_stage: {stage: one, for: 1y}}
        - not: {all: [{milestone: m}]}
    back:
      - {to: one, when: {event: E, since: cycle}}
    stall_after: 36h
outcomes:
  - key: won
    title: Won
    kind: won
    when: {event: F}
  - key: lost
    title: Lost
    kind: lost
    when: {idle: 90d}
    from: [one, two]
    win_back: {to: one, when: {event: A}}
milestones:
  - {key: m, title: M, when: {event: G}}
  - {key: n, title: N, when: {milestone: m}, customer_facing: false}
loops:
  - {from: [two], to: one, when: {event: H}}
"""


def performed(*events: str) -> Performed:
    return Performed(events=events)


def test_everything_that_can_be_written_reaches_the_engine() -> None:
    expected = Journey(
        key="everything",
        version=7,
        title="Everything",
        subject=SubjectKind.PERSON,
        may_skip=False,
        applies_to=All(
            parts=(
                Trait(
                    owner=TraitOwner.ACCOUNT,
                    predicate=Predicate(path="industry", operator=Operator.EQ, value="saas"),
                ),
                All(
                    parts=(
                        Trait(
                            owner=TraitOwner.PERSON,
                            predicate=Predicate(path="plan.seats", operator=Operator.GTE, value=5),
                        ),
                        Trait(
                            owner=TraitOwner.PERSON,
                            predicate=Predicate(path="plan.seats", operator=Operator.LT, value=50),
                        ),
                    )
                ),
            )
        ),
        stages=(
            Stage(
                key="one",
                title="One",
                job="begin",
                owner="sales",
                stall_after=timedelta(seconds=90),
            ),
            Stage(
                key="two",
                title="Two",
                stall_after=timedelta(hours=36),
                back=(Back(to="one", when=Performed(events=("E",), since=Since.CYCLE)),),
                enter=AnyOf(
                    parts=(
                        performed("A", "B"),
                        Performed(
                            events=("C",),
                            where=(
                                Predicate(path="plan", operator=Operator.EQ, value="pro"),
                                Predicate(path="seats", operator=Operator.NE, value=7),
                                Predicate(path="seats", operator=Operator.GTE, value=5),
                                Predicate(
                                    path="country",
                                    operator=Operator.IN,
                                    value=("no-bokmal", "se"),
                                ),
                                Predicate(path="coupon", operator=Operator.EXISTS, value=False),
                                Predicate(path="tags", operator=Operator.CONTAINS, value="vip"),
                                Predicate(
                                    path="page", operator=Operator.STARTS_WITH, value="/pricing"
                                ),
                                Predicate(path="price", operator=Operator.GT, value=1.5),
                                Predicate(path="price", operator=Operator.LTE, value=9),
                                Predicate(path="trial", operator=Operator.EQ, value=True),
                            ),
                            count=3,
                            within=timedelta(days=14),
                            since=Since.EVER,
                        ),
                        Never(
                            events=("D",),
                            where=(Predicate(path="n", operator=Operator.EQ, value=1),),
                            within=timedelta(days=14),
                            since=Since.VISIT,
                        ),
                        IdleFor(duration=timedelta(days=30)),
                        InStageFor(duration=timedelta(minutes=5)),
                        InStageFor(duration=timedelta(days=365), stage="one"),
                        Not(part=All(parts=(MilestoneReached(milestone="m"),))),
                    )
                ),
            ),
        ),
        outcomes=(
            Outcome(key="won", title="Won", kind="won", when=performed("F")),
            Outcome(
                key="lost",
                title="Lost",
                kind="lost",
                when=IdleFor(duration=timedelta(days=90)),
                stages=("one", "two"),
                win_back=WinBack(to="one", when=performed("A")),
            ),
        ),
        milestones=(
            Milestone(key="m", title="M", when=performed("G")),
            Milestone(
                key="n",
                title="N",
                when=MilestoneReached(milestone="m"),
                is_customer_facing=False,
            ),
        ),
        loops=(Loop(stages=("two",), to="one", when=performed("H")),),
    )

    assert to_journey(parse(EVERYTHING), 7) == expected


def test_a_map_that_says_nothing_of_skips_allows_them() -> None:
    document = parse(EVERYTHING.replace("policy: {skips: forbid}\n", ""))

    assert to_journey(document, 1).may_skip is True
