"""The bounded cache of subjects, links and members between transactions. Pure.

Values in the cache are what the database held after our last commit. They may be stale when another
stager wrote since; every write is guarded by the version that was read, so a stale one costs a
retry, never a wrong row.
"""

from collections.abc import Hashable, Iterable
from itertools import count
from typing import Generic, TypeVar

from services.stager.identity.names import Key, Link
from services.stager.subjects.subject import Member, Subject

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """The more recently used entries, between half of `capacity` and all of it.

    Two generations instead of a list in order of use: a look-up costs one dict access, and when the
    young generation is full the old one is forgotten at once.
    """

    def __init__(self, capacity: int) -> None:
        self._half = max(1, capacity // 2)
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """Entry of `key`, which counts as used; None when it is not held."""
        entry = self._young.get(key)
        if entry is None and (entry := self._old.get(key)) is not None:
            self.put(key, entry)
        return entry

    def put(self, key: K, value: V) -> None:
        """Hold an entry."""
        young = self._young
        young[key] = value
        if len(young) > self._half:
            self._old = young
            self._young = {}

    def drop(self, keys: Iterable[K]) -> None:
        """Forget these entries: somebody else has written them."""
        for key in keys:
            self._young.pop(key, None)
            self._old.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._young.clear()
        self._old.clear()

    def __len__(self) -> int:
        """Entries held; one that moved between generations counts twice."""
        return len(self._young) + len(self._old)


class Memory:
    """Everything that the stager remembers between transactions.

    Each carries the tick at which it was read. A name or member that was read before its subject may be
    older than the subject: somebody may have changed it in between. It has to be looked at again,
    because only the subject's version is checked when a batch is stored.
    """

    def __init__(self, subjects: int) -> None:
        """`subjects` bounds the states; names and members are small and get more room."""
        self.subjects: Cache[Key, tuple[Subject, int]] = Cache(subjects)
        self.links: Cache[Key, tuple[Link, int]] = Cache(subjects * 4)
        self.members: Cache[tuple[int, str, str], tuple[Member, int]] = Cache(subjects * 4)
        self._ticks = count(1)
        self.epoch = 0
        """How often everything was forgotten: what was read before must not be remembered after."""

    def tick(self) -> int:
        """The next moment, later than all before."""
        return next(self._ticks)

    def clear(self) -> None:
        """Forget everything: the partition was lost, a person erased, or nothing fits any more."""
        self.epoch += 1
        self.subjects.clear()
        self.links.clear()
        self.members.clear()
