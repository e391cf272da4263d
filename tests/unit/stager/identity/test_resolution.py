"""The stager's identity against the slow reference, in any order of arrival and any batches."""

from collections.abc import Iterable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from services.stager.identity.names import Key, event_names
from shared.contracts.envelope import Envelope
from shared.contracts.identity_limits import DEFAULT_LIMITS, IdentityLimits
from tests.support.identity_events import arrivals, event_sets
from tests.support.identity_memory import IdentityMemory
from tests.support.identity_reference import Owner, identities
from tests.support.identity_statements import read

Owners = dict[str, tuple[str | None, str]]


LIMITS = [
    DEFAULT_LIMITS,
    IdentityLimits(user_ids=2, records=2),
    IdentityLimits(user_ids=3, records=1, addresses=1),
    IdentityLimits(user_ids=1, records=3, addresses=2),
]


def resolved(
    batches: Iterable[Sequence[Envelope]], limits: IdentityLimits = DEFAULT_LIMITS
) -> IdentityMemory:
    """What the batches come to, one after another."""
    memory = IdentityMemory(limits=limits)
    for batch in batches:
        memory.apply(event_names(each) for each in batch)
    return memory


def expected(events: Iterable[Envelope], limits: IdentityLimits) -> Owners:
    owners: dict[str, Owner] = identities(map(read, events), limits).owners
    return {message: (owner.person, owner.subject) for message, owner in owners.items()}


@given(event_sets(), st.sampled_from(LIMITS))
def test_every_event_has_the_owner_that_the_reference_gives_it(
    events: list[Envelope], limits: IdentityLimits
) -> None:
    assert resolved([events], limits).owners() == expected(events, limits)


@given(st.data(), st.sampled_from([*LIMITS, IdentityLimits(user_ids=3, names=3)]))
def test_order_repetition_and_batches_change_nothing(
    data: st.DataObject, limits: IdentityLimits
) -> None:
    events = data.draw(event_sets())
    at_once = resolved([events], limits)

    in_parts = resolved(data.draw(arrivals(events)), limits)

    assert in_parts.owners() == at_once.owners()
    assert _people(in_parts) == _people(at_once)
    assert set(in_parts.statements) == set(at_once.statements)


def _people(memory: IdentityMemory) -> dict[Key, tuple[str, str]]:
    """Person and present subject of every name."""
    return {name: (row.person_id, row.subject_id) for name, row in memory.rows.items()}
