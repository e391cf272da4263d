"""Who was forgotten: digests of names, so that nobody comes back with a record from the log. Pure."""

from collections.abc import Iterable

from services.stager.identity.names import Key
from services.stager.store.rows import Tombstone
from shared.sources.hashing import person_digest


class Erased:
    """The tombstones of all workspaces as of a change number of the list."""

    def __init__(self) -> None:
        self.change = 0
        self._digests: dict[int, dict[bytes, bool]] = {}
        self._keys: dict[int, bytes] = {}

    def take(self, changes: Iterable[Tombstone]) -> bool:
        """Follow the list; whether somebody was forgotten who was not before."""
        is_news = False
        for each in changes:
            self.change = max(self.change, each.change)
            digests = self._digests.setdefault(each.workspace_id, {})
            if each.is_erased:
                self._keys[each.workspace_id] = each.hash_key
                is_news = is_news or each.digest not in digests
                digests[each.digest] = each.is_linked
            else:
                digests.pop(each.digest, None)
                if not digests:
                    del self._digests[each.workspace_id]
        return is_news

    def __bool__(self) -> bool:
        """Whether anybody was ever forgotten."""
        return bool(self._digests)

    def has_any(self, workspace_id: int) -> bool:
        """Whether anybody of a workspace was forgotten."""
        return workspace_id in self._digests

    def find(self, name: Key) -> bool | None:
        """None for a name that is nobody's tombstone; else whether it led to a stronger one.

        Cost: one keyed hash, about 2 us, in workspaces with tombstones alone.
        """
        digests = self._digests.get(name[0])
        if not digests:
            return None
        return digests.get(digest_of(name, self._keys[name[0]]))


def digest_of(name: Key, key: bytes) -> bytes:
    """What the list holds for a name."""
    return person_digest(name[1], key=key)
