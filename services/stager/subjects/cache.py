"""The bounded cache of subjects, names and members between transactions. Pure.

A cached value is what the database held after the last commit of this process. It may be stale once
another stager has written. Every write is guarded by the version that was read, so a stale value costs a
retry and never a wrong row.
"""

from collections.abc import Hashable, Iterable
from itertools import count
from typing import Generic, TypeVar

from services.stager.identity.names import Key, Order
from services.stager.identity.state import NameRow
from services.stager.identity.statements import Pair
from services.stager.subjects.subject import Member, MemberKey, Subject

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BoundedCache(Generic[K, V]):
    """The more recently used entries, between half of `capacity` and all of it.

    Two generations instead of a list in order of use: a look-up costs one dict access, and when the
    young generation is full the old one is dropped at once.
    """

    def __init__(self, capacity: int) -> None:
        self._half = max(1, capacity // 2)
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """Entry of `key`, which counts as used; None when there is none."""
        entry = self._young.get(key)
        if entry is None and (entry := self._old.get(key)) is not None:
            self.put(key, entry)
        return entry

    def put(self, key: K, value: V) -> None:
        """Add or replace an entry."""
        young = self._young
        young[key] = value
        if len(young) > self._half:
            self._old = young
            self._young = {}

    def invalidate(self, keys: Iterable[K]) -> None:
        """Drop these entries: their rows were written without the cache."""
        for key in keys:
            self._young.pop(key, None)
            self._old.pop(key, None)

    def clear(self) -> None:
        """Drop all entries."""
        self._young.clear()
        self._old.clear()

    def __len__(self) -> int:
        """Number of entries; one that moved between generations counts twice."""
        return len(self._young) + len(self._old)


class RowCache:
    """Rows of `subject`, `identifier` and `member`, each with the tick at which it was read.

    A name or a member that was read before its subject may be older than the subject: another stager may
    have changed it in between. It has to be read again, because only the subject's version is compared
    when a batch is written.
    """

    def __init__(self, subjects: int) -> None:
        """`subjects` bounds the subjects; names and members are small and get more entries."""
        self.subjects: BoundedCache[Key, tuple[Subject, int]] = BoundedCache(subjects)
        self.names: BoundedCache[Key, tuple[NameRow, int]] = BoundedCache(subjects * 4)
        self.pairs: BoundedCache[Pair, Order] = BoundedCache(subjects * 4)
        """Statements that are stored, with an event at or after the one that counts."""
        self.members: BoundedCache[MemberKey, tuple[Member, int]] = BoundedCache(subjects * 4)
        self._ticks = count(1)
        self.epoch = 0
        """Number of times that the cache was cleared: values read in an earlier epoch stay out."""

    def tick(self) -> int:
        """The next moment, later than all before."""
        return next(self._ticks)

    def clear(self) -> None:
        """Drop everything: a partition was lost, a person erased, or the offsets do not match."""
        self.epoch += 1
        self.subjects.clear()
        self.names.clear()
        self.pairs.clear()
        self.members.clear()
