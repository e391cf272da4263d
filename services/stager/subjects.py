"""A subject as the stager holds it between batches, its codec, and the bounded cache of them.

Structs without a part in garbage collection: tens of thousands live long and hold no cycles, and
walking them again and again had cost as much as folding.

Values in the cache are what the database held after our last commit. They may be stale when another
stager wrote since; every write is guarded by the version that was read, so a stale one costs a
retry, never a wrong row.
"""

from collections.abc import Hashable, Iterable
from datetime import datetime
from itertools import count
from typing import Any, Generic, TypeVar

import msgspec

from services.stager.links import Key, Link, Order
from shared.journey.state import FORMAT, State

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Standing(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One journey of a subject, as `subject.states` stores it by journey key."""

    v: int
    """Version of the map that folded the state."""
    s: State
    f: int = FORMAT
    """Format of the state; another one than the engine's means fold anew."""
    d: datetime | None = None
    """The deadline that is armed for it in table `deadline`."""


class Subject(msgspec.Struct, frozen=True, gc=False):
    """A row of `subject`. `version` 0: there is no row yet."""

    version: int = 0
    touchpoints: int = 0
    last: Order | None = None
    """Order of the newest touchpoint."""
    standings: dict[str, Standing] = {}
    account_traits: dict[str, Any] = {}
    value: float | None = None
    merged_into: str | None = None


NEW_SUBJECT = Subject()


class Member(msgspec.Struct, frozen=True, gc=False):
    """A row of `member`: what is known of a person within a subject."""

    role: str | None
    traits: dict[str, Any]
    first_seen_at: datetime


_encoder = msgspec.json.Encoder()
_standings = msgspec.json.Decoder(dict[str, Standing])
_object = msgspec.json.Decoder(dict[str, Any])


def encode_standings(standings: dict[str, Standing]) -> bytes:
    """Content of `subject.states`."""
    return _encoder.encode(standings)


def decode_standings(states: bytes) -> dict[str, Standing]:
    """Read `subject.states`. Raises msgspec.MsgspecError if it is none of ours."""
    return _standings.decode(states)


def encode_json(value: object) -> str:
    """Text for a JSON column."""
    return _encoder.encode(value).decode()


def decode_object(text: str) -> dict[str, Any]:
    """Read a JSON column that holds an object."""
    return _object.decode(text)


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
