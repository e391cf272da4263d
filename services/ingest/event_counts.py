"""Counts accepted events by name, and writes the counts in the background.

No request waits for it. Counts that cannot be written are added to the next write; names beyond a bound
are left out until then.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import structlog

from shared.contracts.envelope import Envelope
from shared.errors import TransientError
from shared.ids import WorkspaceId
from shared.process.waiting import pause
from shared.sources.event import EventNameCount, EventNameWriter

log = structlog.get_logger(__name__)

_INTERVAL_SECONDS = 1.0
_WRITE_SECONDS = 5.0
_MOST_NAMES = 5_000
"""Names between two writes: some 2 MB."""

_COUNTED = ("track", "page", "screen")
"""Types of envelopes whose event is named by the sender."""


class EventCounts:
    """Counts by workspace and name."""

    def __init__(self, write: EventNameWriter) -> None:
        self._write = write
        self._counts: dict[tuple[WorkspaceId, str], int] = {}
        self._seen_at: dict[tuple[WorkspaceId, str], datetime] = {}

    def add(
        self, workspace_id: WorkspaceId, envelopes: Sequence[Envelope], received_at: datetime
    ) -> None:
        """Count the accepted events of one request."""
        counts = self._counts
        for envelope in envelopes:
            if envelope.type not in _COUNTED:
                continue
            key = (workspace_id, envelope.event)
            if key in counts:
                counts[key] += 1
            elif len(counts) < _MOST_NAMES:
                counts[key] = 1
            else:
                continue
            self._seen_at[key] = received_at

    async def run(self, stop: asyncio.Event) -> None:
        """Write once a second until `stop`: one task of the service."""
        while not stop.is_set():
            await pause(stop, _INTERVAL_SECONDS)
            await self.flush()

    async def flush(self, within_seconds: float = _WRITE_SECONDS) -> None:
        """Write everything counted. Never raises; gives up after `within_seconds`."""
        counts, self._counts = self._counts, {}
        seen_at, self._seen_at = self._seen_at, {}
        if not counts:
            return
        rows = [
            EventNameCount(
                workspace_id=key[0], event=key[1], accepted=counts[key], seen_at=seen_at[key]
            )
            for key in sorted(counts)
        ]
        try:
            async with asyncio.timeout(within_seconds):
                await self._write(rows)
        except (TransientError, TimeoutError) as exc:
            log.warning("event_counts_wait", names=len(rows), error=type(exc).__name__)
            for key, count in counts.items():
                self._counts[key] = self._counts.get(key, 0) + count
                self._seen_at.setdefault(key, seen_at[key])
