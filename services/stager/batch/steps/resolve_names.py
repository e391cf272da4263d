"""Step: who each event is about."""

from collections.abc import Sequence

from services.stager.batch.context import BatchContext
from services.stager.batch.tombstones import erased_again
from services.stager.identity.names import EventNames, Key, all_person_names
from services.stager.records.records import BatchEvent
from services.stager.store import erasure
from services.stager.store.session import Connection
from shared.contracts.names import email_of, is_device, split
from shared.sources.hashing import hashed


async def resolve_names(connection: Connection, batch: BatchContext) -> None:
    """Resolve the names of events and requests, and set person and subject of each event."""
    records = batch.records
    to_erase: set[Key] = set()
    if batch.tombstones:
        to_erase = erased_again(records.events, batch.tombstones, batch.cache)
    names = [event.names for event in records.events]
    if records.erase_requests:
        requested = await _names_to_erase(connection, records.erase_requests)
        to_erase |= {each.person for each in requested if each.person is not None}
        names += requested
    resolution = batch.resolution = await batch.names.resolve(connection, names, to_erase)
    for event, (person, subject) in zip(records.events, resolution.owners, strict=False):
        event.person, event.subject = person, subject


async def _names_to_erase(
    connection: Connection, requests: Sequence[BatchEvent]
) -> list[EventNames]:
    """One item for each name in the requests, for its other spellings and for their pseudonyms.

    An address is erased wherever it is a name and in whatever case: see `shared.contracts.names`.
    """
    hash_keys = await erasure.hash_keys(connection, {request.key[0] for request in requests})
    names: list[EventNames] = []
    for request in requests:
        named = set(all_person_names(request.envelope))
        named |= {(key[0], email) for key in named if (email := email_of(key[1])) is not None}
        named |= await erasure.other_spellings(connection, named)
        for workspace, name in named:
            both = {name}
            if workspace in hash_keys:
                prefix, value = split(name)
                both.add(prefix + hashed(value, hash_keys[workspace]))
            order = request.names.order
            names += [
                EventNames(workspace, order, device=(workspace, each))
                if is_device(each)
                else EventNames(workspace, order, people=((workspace, each),))
                for each in both
            ]
    return names
