"""The tombstones of erased persons: digests of names, so that no record brings an erased one back. Pure."""

from collections.abc import Iterable

import msgspec

from services.stager.identity.names import Key
from services.stager.records.records import BatchEvent
from services.stager.store.rows import Tombstone
from services.stager.subjects.cache import RowCache
from shared.contracts.names import email_of
from shared.sources.hashing import person_digest


class Tombstones:
    """The tombstones of all workspaces as of a change number of table `suppression`."""

    def __init__(self) -> None:
        self.change = 0
        self._digests: dict[int, dict[bytes, bool]] = {}
        self._keys: dict[int, bytes] = {}

    def apply(self, changes: Iterable[Tombstone]) -> bool:
        """Apply changes in their order; whether any of them added a tombstone."""
        has_new = False
        for each in changes:
            self.change = max(self.change, each.change)
            digests = self._digests.setdefault(each.workspace_id, {})
            if each.is_erased:
                self._keys[each.workspace_id] = each.hash_key
                has_new = has_new or each.digest not in digests
                digests[each.digest] = each.is_linked
            else:
                digests.pop(each.digest, None)
                if not digests:
                    del self._digests[each.workspace_id]
        return has_new

    def __bool__(self) -> bool:
        """Whether there is any tombstone."""
        return bool(self._digests)

    def has_any(self, workspace_id: int) -> bool:
        """Whether a workspace has any tombstone."""
        return workspace_id in self._digests

    def find(self, name: Key) -> bool | None:
        """Whether the erased name led to a stronger one; None for a name without a tombstone.

        An id that is an address has the tombstone of the address as well.

        Cost: one keyed hash, about 2 us, and only in workspaces with tombstones; two for such an id.
        """
        workspace_id = name[0]
        digests = self._digests.get(workspace_id)
        if not digests:
            return None
        key = self._keys[workspace_id]
        was_linked = digests.get(digest_of(name, key))
        if was_linked is None and (email := email_of(name[1])) is not None:
            return digests.get(digest_of((workspace_id, email), key))
        return was_linked


def digest_of(name: Key, key: bytes) -> bytes:
    """The digest of a name in table `suppression`."""
    return person_digest(name[1], key=key)


def erased_again(events: Iterable[BatchEvent], tombstones: Tombstones, cache: RowCache) -> set[Key]:
    """Names in the events that have a tombstone: their persons are to be erased again.

    A name with a cached row has no tombstone, because an erasure deletes the rows of all names and clears
    the cache; so the look-up costs nothing for persons who are cached.

    A name that led to a stronger one when it was erased leads nowhere now: its link is removed from the
    event, so that a second person who uses the same device is not erased along with it.
    """
    erased: set[Key] = set()
    rows = cache.names
    for event in events:
        names = event.names
        if names.person is None or not tombstones.has_any(names.workspace_id):
            continue
        if rows.get(names.person) is None and tombstones.find(names.person) is not None:
            erased.add(names.person)
        dropped: set[Key] = set()
        for name in (*names.people[1:], names.device if names.people else None, *names.others):
            if name is None:
                continue
            was_linked = None if rows.get(name) is not None else tombstones.find(name)
            if was_linked is False:
                erased.add(name)
            if was_linked:
                dropped.add(name)
        if dropped:
            event.names = msgspec.structs.replace(
                names,
                people=tuple(name for name in names.people if name not in dropped),
                device=None if names.device in dropped else names.device,
                others=tuple(name for name in names.others if name not in dropped),
            )
    return erased
