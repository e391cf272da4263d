"""Step: drop the events of erased persons. The rules are those of decision 0012."""

from services.stager.batch.context import BatchContext
from services.stager.batch.tombstones import digest_of
from services.stager.errors import Conflict, DataRejected
from services.stager.store import erasure as tables
from services.stager.store.session import Connection


class NeedsToBeAlone(Conflict):
    """The batch erases a person, so no concurrent batch may run that does not see the tombstone."""


async def drop_erased(connection: Connection, batch: BatchContext) -> None:
    """Drop the events of persons to erase, and find the tombstones that are missing.

    Raises NeedsToBeAlone if there are any and other batches may be under way, and DataRejected for a
    workspace that does not exist.
    """
    erased_names = batch.resolution.erased_names
    if not erased_names:
        return
    tombstones = await _missing_tombstones(connection, batch)
    if tombstones and not batch.is_alone:
        raise NeedsToBeAlone("a name belongs to a person to be erased")
    batch.erasure.tombstones = tombstones
    batch.is_erasing = batch.is_alone
    batch.erased_events = batch.records.drop_erased(erased_names)


async def _missing_tombstones(
    connection: Connection, batch: BatchContext
) -> list[tuple[int, bytes, bool]]:
    """Workspace, digest and whether the name led to a stronger one."""
    erased_names = batch.resolution.erased_names
    missing: dict[tuple[int, bytes], bool] = {}
    keys = await tables.hash_keys(connection, {name[0] for name in erased_names})
    for name in erased_names:
        if name[0] not in keys:
            raise DataRejected("there is no such workspace")
        is_linked = name in batch.resolution.erased_linked
        was_linked = batch.tombstones.find(name)
        if was_linked is None or (is_linked and not was_linked):
            # A name and its pseudonym have the same digest.
            digest = (name[0], digest_of(name, keys[name[0]]))
            missing[digest] = missing.get(digest, False) or is_linked
    return [(*digest, is_linked) for digest, is_linked in missing.items()]
