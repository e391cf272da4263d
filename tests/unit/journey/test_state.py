"""A state survives storage, and stays small."""

import msgspec

from shared.journey.comparison import Operator, Predicate
from shared.journey.fold import advance
from shared.journey.kinds import Trait
from shared.journey.map import Back
from shared.journey.state import State
from shared.journey.trackers import TraitOwner
from tests.unit.journey.build import at, day, days, done, journey, milestone, outcome, play, stage

SAAS = Trait(
    owner=TraitOwner.ACCOUNT,
    predicate=Predicate(path="industry", operator=Operator.EQ, value="saas"),
)
ADMIN = Trait(
    owner=TraitOwner.PERSON,
    predicate=Predicate(path="role", operator=Operator.EQ, value="admin"),
)
COMPILED = journey(
    stage("awareness", stall_after=days(30)),
    stage("research", done("Guide Downloaded"), stall_after=days(30)),
    stage("evaluation", done("Demo Requested"), stall_after=days(30)),
    stage("trial", done("Pricing Viewed", count=3, within=14), stall_after=days(30)),
    stage("purchase", SAAS, stall_after=days(90)),
    stage("growth", ADMIN),
    outcomes=[outcome("lost", done("Deal Lost"))],
    milestones=[milestone("trust", done("Webinar Attended"))],
)
UUID = "0190a7b2-1c2d-7e3f-8a4b-{:012d}"


def through_json(state: State) -> State:
    return msgspec.json.decode(msgspec.json.encode(state), type=State)


def test_a_state_with_everything_in_it_survives_json() -> None:
    state, _ = play(
        COMPILED,
        at(1, "Guide Downloaded"),
        at(2, "Pricing Viewed", value=10.5, channel="website"),
        at(3, "Webinar Attended", person="ann", traits={"role": "admin"}),
        at(4, "Visit", account_traits={"industry": "ads"}),
        now=60,
    )

    again = through_json(state)

    assert state == again
    assert msgspec.json.encode(state) == msgspec.json.encode(again)
    assert state.stage == "growth"
    assert advance(COMPILED, again, day(1000)) == advance(COMPILED, state, day(1000))


def test_a_stalled_and_an_ended_state_survive_json() -> None:
    stalled, _ = play(COMPILED, at(1, "Visit", value=3.0), now=40)
    ended, _ = play(COMPILED, at(1, "Visit"), at(2, "Deal Lost"))

    assert stalled.stalled_at == day(31)
    assert stalled == through_json(stalled)
    assert ended == through_json(ended)


def test_an_initial_state_is_almost_nothing() -> None:
    assert msgspec.json.encode(State.initial()) == b'{"milestones":{}}'
    assert msgspec.json.decode(b"{}", type=State) == State.initial()


def test_what_came_back_to_its_default_leaves_no_trace() -> None:
    """A trait set and then removed encodes like one that was never set."""
    removed, _ = play(
        COMPILED,
        at(1, "Hi", "1", traits={"role": "admin"}, account_traits={"industry": "ads"}),
        at(2, "Hi", "2", traits={"role": None}, account_traits={"industry": None}),
    )

    encoded = msgspec.json.encode(removed)

    assert b"held" not in encoded
    assert b"traits" not in encoded


def test_a_typical_state_takes_less_than_400_bytes() -> None:
    events = [
        *("Page Viewed", "Guide Downloaded", "Page Viewed", "Demo Requested", "Page Viewed"),
        *("Pricing Viewed", "Page Viewed", "Webinar Attended", "Pricing Viewed", "Page Viewed"),
    ]
    state, _ = play(
        COMPILED,
        *(
            at(1 + number * 1.234567, event, UUID.format(number), channel="website")
            for number, event in enumerate(events)
        ),
    )

    assert state.stage == "evaluation"
    assert len(msgspec.json.encode(state)) < 400


def test_facts_that_cannot_matter_are_not_kept() -> None:
    compiled = journey(
        stage("a"),
        stage("b", done("X", count=2)),
        stage("c", done("Y", count=3), back=(Back(to="a", when=done("Refund", count=2)),)),
    )

    in_b, _ = play(compiled, at(1, "X"), at(2, "X"), at(3, "X"), at(4, "Refund"), at(5, "Y"))

    # The "X" have done their work, and a refund counts from the visit of "c" on.
    assert in_b.stage == "b"
    assert list(in_b.counts.values()) == [1]


def test_shown_traits_are_shortened_but_compared_whole() -> None:
    long_name = "x" * 500
    compiled = journey(
        stage("a"),
        stage(
            "b",
            Trait(
                owner=TraitOwner.ACCOUNT,
                predicate=Predicate(path="name", operator=Operator.EQ, value=long_name),
            ),
        ),
    )

    state, _ = play(compiled, at(1, "Visit", account_traits={"name": long_name}))
    big, _ = play(compiled, at(1, "Visit", account_traits={"name": 10**400}))

    assert state.stage == "b"
    assert state.traits == {"name": "x" * 63 + "…"}
    assert big.traits == {"name": "a huge number"}
