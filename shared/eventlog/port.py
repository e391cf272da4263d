"""The port that ingest writes through and the stager reads through.

The log is append-only, partitioned, ordered within a partition. Offsets of readers are NOT its
business: the stager keeps them in Postgres, in the transaction that stores the effect (decision
0002), and passes the reader the offsets to begin at. One contract suite in tests/contract runs on
each adapter.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

MAX_RECORD_BYTES = 900_000
"""Key and value of one record together: below the megabyte that a Kafka broker takes, with headers."""


class NewRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A record to append, of at most MAX_RECORD_BYTES. Equal keys land on one partition, in order."""

    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """A stored record. Raw bytes: the reader decodes them."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = field(default=())


OffsetLoader = Callable[[Sequence[int]], Awaitable[Mapping[int, int]]]
"""Given newly assigned partitions, answers the next offset to read for each; a partition that is
missing from the answer starts at the beginning of the log."""


class LogWriter(Protocol):
    """Append side."""

    async def start(self) -> None:
        """Connect, bounded in time. Raises LogUnavailable."""
        ...

    async def append(self, records: Sequence[NewRecord]) -> None:
        """Return once every record is durable, in order within each partition.

        May block up to the adapter's own timeout. Raises LogUnavailable when the acknowledgement
        did not come in time (the records may or may not be stored: send again with the same
        message ids) or when too much is in flight already; ValueError for a record that is larger
        than MAX_RECORD_BYTES, with nothing sent. Safe to call concurrently.
        """
        ...

    async def healthy(self) -> bool:
        """Whether an append would be accepted now; bounded to about a second, never raises."""
        ...

    async def stop(self) -> None:
        """Flush and disconnect, bounded in time, never raises."""
        ...


class LogReader(Protocol):
    """Read side: one member of a group that shares the partitions of one topic."""

    async def start(self, load_offsets: OffsetLoader) -> None:
        """Join the group. `load_offsets` is awaited at every assignment. Raises LogUnavailable."""
        ...

    async def poll(self, max_records: int, timeout_seconds: float) -> Sequence[Record]:
        """Next records of the assigned partitions, in offset order within each; empty on timeout.

        Partitions revoked meanwhile are never in the answer. Raises LogUnavailable for a passing
        fault, FatalError when the stored offsets do not fit the log or an assignment failed.
        """
        ...

    def assigned(self) -> frozenset[int]:
        """Partitions held now. A batch of any other partition must be dropped, not stored.

        A partition that was missing from an answer comes back only after `load_offsets` was awaited
        for it, so what was dropped is read again. Safe to call while a poll is under way.
        """
        ...

    async def commit(self, next_offsets: Mapping[int, int]) -> None:
        """Report the stored offsets to lag tools; failure is harmless and only logged."""
        ...

    async def rejoin(self) -> None:
        """After `Fenced`: drop fetched records and load the stored offsets again."""
        ...

    async def bounds(self) -> Mapping[int, tuple[int, int]]:
        """(first offset kept, next offset to be written) of every partition of the topic."""
        ...

    async def stop(self) -> None:
        """Leave the group so that its partitions are reassigned at once; bounded in time, never raises."""
        ...
