"""Limits of what a writer may have in flight: the one place where overload is decided.

A record counts until the log has answered for it, not until its sender stops waiting, so that
memory stays bounded while the log is away.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import LogUnavailable
from shared.eventlog.port import MAX_RECORD_BYTES, NewRecord

DEFAULT_RECORDS = 20_000
DEFAULT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Load:
    """Size of one append."""

    records: int
    size_bytes: int


class InFlight:
    """Counts records and bytes under way against fixed limits. Not for several threads."""

    def __init__(self, *, records: int = DEFAULT_RECORDS, size_bytes: int = DEFAULT_BYTES) -> None:
        """Limits; an append larger than both is still admitted when nothing else is in flight."""
        self._limit = Load(records, size_bytes)
        self._records = 0
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether the next append would be refused however small it is."""
        return self._records >= self._limit.records or self._bytes >= self._limit.size_bytes

    def admit(self, records: Sequence[NewRecord]) -> Load:
        """Count `records` in. Raises LogUnavailable when that is too much, ValueError for a giant."""
        sizes = [len(record.key) + len(record.value) for record in records]
        if sizes and max(sizes) > MAX_RECORD_BYTES:
            message = f"a record of {max(sizes)} bytes; the event log takes {MAX_RECORD_BYTES}"
            raise ValueError(message)
        load = Load(len(records), sum(sizes))
        if self._records and (
            self._records + load.records > self._limit.records
            or self._bytes + load.size_bytes > self._limit.size_bytes
        ):
            message = f"{self._records} records are already on their way to the event log"
            raise LogUnavailable(message)
        self._records += load.records
        self._bytes += load.size_bytes
        return load

    def release(self, load: Load) -> None:
        """Count `load` out again."""
        self._records -= load.records
        self._bytes -= load.size_bytes
