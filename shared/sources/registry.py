"""The sources that this process knows, kept fresh and kept when Postgres is away.

As `shared.refresher` says.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.errors import TransientError
from shared.ids import WorkspaceId
from shared.refresher import Refresher
from shared.sources.source import Source, Suppressed, Usage, WorkspaceRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one read brings: all sources and rules, and what changed among the suppressed people."""

    sources: Sequence[Source]
    rules: Mapping[WorkspaceId, WorkspaceRules]
    suppressed: Sequence[Suppressed] = field(default=())
    """In the order of `change`, each above the number that the read was given."""
    usage: Mapping[str, Usage] = field(default_factory=dict)
    """What each source that sent something today has used, by its id."""


SourceLoader = Callable[[int], Awaitable[Reading]]
"""Reads everything; of the suppressed people only changes above the number it is given.

Raises TransientError while the database is away.
"""


class SourceRegistry:
    """Answers for sources from memory; see the module's rules."""

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
        self._usage: Mapping[str, Usage] = {}
        self._change = 0
        self.generation = 0
        """Reads that have succeeded: what was made of an earlier one may be out of date."""

    @property
    def loaded(self) -> bool:
        """Whether the sources were read at least once."""
        return self._refresher.loaded

    def known(self, source_id: str) -> Source | None:
        """The source as last read. Never waits."""
        return self._sources.get(source_id)

    def rules(self, workspace_id: WorkspaceId) -> WorkspaceRules | None:
        """The rules of a workspace as last read. Never waits."""
        return self._rules.get(workspace_id)

    def suppressed(self, workspace_id: WorkspaceId) -> frozenset[bytes] | set[bytes]:
        """Digests of the people whose events are dropped. Not to be changed by the caller."""
        return self._suppressed.get(workspace_id, _NOBODY)

    def usage(self, source_id: str) -> Usage | None:
        """What a source has used as last read; None if nothing is known. Never waits."""
        return self._usage.get(source_id)

    async def find(self, source_id: str) -> Source | None:
        """The source; waits for one read of the database if it is unknown here.

        Raises TransientError when it is unknown and the database cannot be asked.
        """
        found = self._sources.get(source_id)
        if found is None:
            if not await self._refresher.refresh():
                message = "the sources cannot be read"
                raise TransientError(message)
            found = self._sources.get(source_id)
        return found

    async def refresh(self) -> bool:
        """Read now; whether that worked. Never raises, waits up to the time-out."""
        return await self._refresher.refresh()

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the sources fresh until `stop` is set: one task of the service's task group."""
        await self._refresher.run(stop)

    async def _read(self) -> None:
        # Numbers are given out before transactions end: a lower one may turn up after a higher.
        reading = await self._load(max(0, self._change - _OVERLAP))
        self._sources = {source.source_id: source for source in reading.sources}
        self._rules = reading.rules
        self._usage = reading.usage
        for person in reading.suppressed:
            people = self._suppressed.setdefault(person.workspace_id, set())
            (people.discard if person.is_lifted else people.add)(person.digest)
            self._change = max(self._change, person.change)
        self.generation += 1


_OVERLAP = 1_000
"""Numbers that are read again: more than can be given out while a transaction lasts."""
_NOBODY: frozenset[bytes] = frozenset()
