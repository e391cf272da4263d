"""What holds for every set of events, by the reference itself and by the random sets."""

from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import structs

from shared.contracts.envelope import Envelope
from shared.contracts.names import USER, is_device
from tests.support.identity_events import STORED_NAMES, arrivals, event_sets
from tests.support.identity_reference import identities
from tests.support.identity_statements import explicit_of, read, read_all
from tests.support.touchpoints import event

_FIELD = {
    "user": "user_id",
    "email": "email",
    "external": "external_id",
    "anonymous": "anonymous_id",
}


@given(st.data())
def test_order_and_repetition_of_arrival_change_nothing(data: st.DataObject) -> None:
    events = data.draw(event_sets())
    batches = data.draw(arrivals(events))

    assert identities(read_all(each for batch in batches for each in batch)) == identities(
        read_all(events)
    )


@given(event_sets())
def test_persons_share_no_name_and_every_event_has_an_owner(events: list[Envelope]) -> None:
    outcome = identities(read_all(events))

    names = [name for group in outcome.persons.values() for name in group]
    assert len(names) == len(set(names))
    assert set(outcome.owners) == {event.message_id for event in events}
    for person, group in outcome.persons.items():
        assert person in group
    for each in events:
        if each.account_id is not None and each.account_external_id is None:
            assert outcome.owners[each.message_id].subject == outcome.accounts[each.account_id]


@given(event_sets())
def test_only_an_explicit_statement_gives_a_person_two_users(events: list[Envelope]) -> None:
    said = {pair for event in read_all(events) for pair in explicit_of(event, kind="alias")}

    for group in identities(read_all(events)).persons.values():
        users = [name for name in group if name.startswith(USER)]
        inside = [statement for statement in said if statement.pair <= group]
        assert len(users) <= 1 + len(inside)


@given(event_sets(), st.sampled_from(STORED_NAMES), st.sampled_from(STORED_NAMES))
def test_an_alias_and_its_unmerge_leave_what_the_unmerge_alone_leaves(
    events: list[Envelope], one: str, other: str
) -> None:
    assume(not is_device(one) and not is_device(other))
    last = max(event.occurred_at for event in events)
    prefix, value = one.split(":", 1)
    said = event(
        "alias",
        last,
        tie=2,
        message_id="x1",
        type="alias",
        previous_names=[other],
        **{_FIELD[prefix]: value},
    )
    unsaid = structs.replace(said, message_id="x2", type="unmerge")

    with_both = identities(read_all([*events, said, unsaid]))
    with_unmerge = identities(read_all([*events, unsaid]))

    assert with_both.persons == with_unmerge.persons
    assert with_both.owners.items() >= with_unmerge.owners.items()


@given(event_sets())
def test_unmerged_names_are_apart_unless_a_later_alias_names_them(events: list[Envelope]) -> None:
    outcome = identities(read_all(events))
    newest = {
        statement.pair: event.kind
        for event in map(
            read, sorted(events, key=lambda each: (each.occurred_at, each.tie, each.message_id))
        )
        for kind in ("alias", "unmerge")
        for statement in explicit_of(event, kind=kind)
    }

    for pair, kind in newest.items():
        if kind == "unmerge":
            assert not any(pair <= group for group in outcome.persons.values())
