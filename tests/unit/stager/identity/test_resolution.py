"""The stager's identity against the slow reference, in any order of arrival and any batches."""

from collections.abc import Iterable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from services.stager.identity.names import Key, event_names
from shared.contracts.envelope import Envelope
from tests.support.identity_events import arrivals, event_sets
from tests.support.identity_memory import IdentityMemory
from tests.support.identity_reference import Owner, identities
from tests.support.identity_statements import read

Owners = dict[str, tuple[str | None, str]]


def resolved(batches: Iterable[Sequence[Envelope]]) -> IdentityMemory:
    """What the batches come to, one after another."""
    memory = IdentityMemory()
    for batch in batches:
        memory.apply(event_names(each) for each in batch)
    return memory


def expected(events: Iterable[Envelope]) -> Owners:
    owners: dict[str, Owner] = identities(map(read, events)).owners
    return {message: (owner.person, owner.subject) for message, owner in owners.items()}


@given(event_sets())
def test_every_event_has_the_owner_that_the_reference_gives_it(events: list[Envelope]) -> None:
    assert resolved([events]).owners() == expected(events)


@given(st.data())
def test_order_repetition_and_batches_change_nothing(data: st.DataObject) -> None:
    events = data.draw(event_sets())
    at_once = resolved([events])

    in_parts = resolved(data.draw(arrivals(events)))

    assert in_parts.owners() == at_once.owners()
    assert _people(in_parts) == _people(at_once)
    assert set(in_parts.statements) == set(at_once.statements)


def _people(memory: IdentityMemory) -> dict[Key, tuple[str, str]]:
    """Person and present subject of every name."""
    return {name: (row.person_id, row.subject_id) for name, row in memory.rows.items()}
