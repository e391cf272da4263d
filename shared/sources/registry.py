"""Cache of all sources and workspace rules; serves the last read while Postgres is away.

Refreshed as `shared.refresher` describes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.errors import TransientError
from shared.ids import WorkspaceId
from shared.refresher import Refresher
from shared.sources.source import DailyUsage, Source, Suppressed, WorkspaceRules


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSnapshot:
    """Result of one read: all sources and rules, and the changes of the suppression lists."""

    sources: Sequence[Source]
    rules: Mapping[WorkspaceId, WorkspaceRules]
    suppressed: Sequence[Suppressed] = field(default=())
    """In the order of `change`, each above the number that the read was given."""
    usage: Mapping[str, DailyUsage] = field(default_factory=dict)
    """Usage of today, by source id."""


SourceLoader = Callable[[int], Awaitable[SourceSnapshot]]
"""Reads everything; of the suppression lists only the changes above the given number.

Raises TransientError while the database is away.
"""


class SourceRegistry:
    """Cache of the sources of all workspaces; see the module."""

    def __init__(
        self,
        load: SourceLoader,
        *,
        refresh_seconds: float = 5.0,
        spacing_seconds: float = 0.25,
        timeout_seconds: float = 3.0,
    ) -> None:
        """`refresh_seconds` between reads, at least `spacing_seconds` between any two of them."""
        self._load = load
        self._refresher = Refresher(
            "sources",
            self._read,
            refresh_seconds=refresh_seconds,
            spacing_seconds=spacing_seconds,
            timeout_seconds=timeout_seconds,
        )
        self._sources: Mapping[str, Source] = {}
        self._rules: Mapping[WorkspaceId, WorkspaceRules] = {}
        self._suppressed: dict[WorkspaceId, set[bytes]] = {}
        self._usage: Mapping[str, DailyUsage] = {}
        self._change = 0
        self.generation = 0
        """Number of reads so far; a value derived under another generation may be out of date."""

    @property
    def loaded(self) -> bool:
        """Whether the sources were read at least once."""
        return self._refresher.loaded

    def cached(self, source_id: str) -> Source | None:
        """The source as last read. Never waits."""
        return self._sources.get(source_id)

    def rules(self, workspace_id: WorkspaceId) -> WorkspaceRules | None:
        """The rules of a workspace as last read. Never waits."""
        return self._rules.get(workspace_id)

    def suppressed(self, workspace_id: WorkspaceId) -> frozenset[bytes] | set[bytes]:
        """Digests of the suppression list; the caller must not change the set."""
        return self._suppressed.get(workspace_id, _EMPTY)

    def usage(self, source_id: str) -> DailyUsage | None:
        """Usage of a source as last read; None without any. Never waits."""
        return self._usage.get(source_id)

    async def find(self, source_id: str) -> Source | None:
        """The source; on a cache miss after one read of the database.

        Raises TransientError on a cache miss while the database is away.
        """
        source = self._sources.get(source_id)
        if source is None:
            if not await self._refresher.refresh():
                message = "the sources cannot be read"
                raise TransientError(message)
            source = self._sources.get(source_id)
        return source

    async def changed(self, source: Source) -> Source | None:
        """The source after one more read, if that differs from `source`; else None.

        For a secret that does not fit: a new one works at once. Guesses share their reads, as misses do.
        """
        if not await self._refresher.refresh():
            return None
        now = self._sources.get(source.source_id)
        return None if now == source else now

    async def refresh(self) -> bool:
        """Read now; whether that worked. Never raises, waits up to the time-out."""
        return await self._refresher.refresh()

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the sources fresh until `stop` is set: one task of the service's task group."""
        await self._refresher.run(stop)

    async def _read(self) -> None:
        # A sequence number is assigned before its transaction commits: a lower one may become visible
        # after a higher one.
        snapshot = await self._load(max(0, self._change - _OVERLAP))
        self._sources = {source.source_id: source for source in snapshot.sources}
        self._rules = snapshot.rules
        self._usage = snapshot.usage
        for person in snapshot.suppressed:
            people = self._suppressed.setdefault(person.workspace_id, set())
            (people.discard if person.is_lifted else people.add)(person.digest)
            self._change = max(self._change, person.change)
        self.generation += 1


_OVERLAP = 1_000
"""Numbers that are read again: more than are assigned while one transaction lasts."""
_EMPTY: frozenset[bytes] = frozenset()
