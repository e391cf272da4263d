"""Cache of published maps, in the form that responses need: a version never changes.

The set of newest versions does change, and is cached for two seconds: for so long a request that names
no version may miss a map that another process published.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from time import monotonic

from sqlalchemy.ext.asyncio import AsyncEngine

from services.api.queries.connections import workspace_transaction
from shared.ids import WorkspaceId
from shared.journey.compile import CompiledJourney
from shared.maps import MapInvalid
from shared.maps.events import events_known
from shared.maps.published import PublishedStage
from shared.storage import journeys
from shared.storage.journeys import StoredMap

_NEWEST_SECONDS = 2.0
_MAX_VERSIONS = 512
"""Cached versions: a map of 300 lines takes some 100 KB, so this stays below the memory target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCard:
    """The part of a stage that responses show."""

    key: str
    title: str
    job: str | None
    owner: str | None
    content: Mapping[str, Mapping[str, str]]
    """Text by persona (or `default`) and slot."""
    next: dict[str, str] | None
    """Key and title of the stage that follows."""
    kpis: Sequence[str] = ()
    """Names of the indicators that the map declares here."""

    def text(self, persona: str | None) -> dict[str, str] | None:
        """Text by slot for `persona`, else the default, else None."""
        slots = self.content.get(persona) if persona is not None else None
        slots = self.content.get("default") if slots is None else slots
        return None if slots is None else dict(slots)


class PreparedMap:
    """One version of a map, in the form that responses need."""

    def __init__(self, stored: StoredMap) -> None:
        """Prepare the stages; the engine's form is compiled at its first use."""
        self.key = stored.journey
        self.version = stored.version
        self.subject = stored.subject
        self._stored = stored
        self.stages = {card.key: card for card in _cards(stored.stages)}

    @cached_property
    def compiled(self) -> CompiledJourney:
        """The map in the engine's form. Cost: some milliseconds, once."""
        return self._stored.compiled()

    @cached_property
    def events(self) -> frozenset[str]:
        """The events that the map knows. Cost: some milliseconds, once.

        Empty for a definition that this release cannot read: see `StoredMap.document`.
        """
        try:
            return events_known(self._stored.document())
        except MapInvalid:
            return frozenset()


def _cards(stages: Sequence[PublishedStage]) -> list[StageCard]:
    return [
        StageCard(
            key=stage.key,
            title=stage.title,
            job=stage.job,
            owner=stage.owner,
            content=stage.content,
            next={"key": after.key, "title": after.title} if after else None,
            kpis=stage.kpis,
        )
        for stage, after in zip(stages, [*stages[1:], None], strict=True)
    ]


class MapCache:
    """Maps of every workspace; the keys contain the workspace, so that none gets another's map."""

    def __init__(self, engine: AsyncEngine) -> None:
        """`engine` must be in the api's role."""
        self._engine = engine
        self._versions: OrderedDict[tuple[WorkspaceId, str, int], PreparedMap] = OrderedDict()
        self._newest: dict[WorkspaceId, tuple[float, dict[str, PreparedMap]]] = {}

    def prepared(self, workspace_id: WorkspaceId, key: str, version: int) -> PreparedMap | None:
        """The version if it is cached. Never waits."""
        return self._versions.get((workspace_id, key, version))

    async def version(
        self, workspace_id: WorkspaceId, key: str, version: int
    ) -> PreparedMap | None:
        """The version, read unless it is cached; None if the workspace never published it.

        Raises DatabaseUnavailable.
        """
        cached = self._versions.get((workspace_id, key, version))
        if cached is not None:
            return cached
        async with workspace_transaction(self._engine, workspace_id) as connection:
            stored = await journeys.get(connection, workspace_id, key, version)
        return None if stored is None else self._prepare(workspace_id, stored)

    async def newest(self, workspace_id: WorkspaceId) -> Mapping[str, PreparedMap]:
        """Every journey in force, in its newest version, by key, in order of precedence.

        The default journey is the first. Raises DatabaseUnavailable.
        """
        read_at, newest = self._newest.get(workspace_id, (float("-inf"), {}))
        if monotonic() - read_at < _NEWEST_SECONDS:
            return newest
        async with workspace_transaction(self._engine, workspace_id) as connection:
            stored = await journeys.current(connection, workspace_id)
        newest = {each.journey: self._prepare(workspace_id, each) for each in stored}
        self._newest[workspace_id] = (monotonic(), newest)
        return newest

    def invalidate_newest(self, workspace_id: WorkspaceId) -> None:
        """Have the next request read the newest versions, after this process published one."""
        self._newest.pop(workspace_id, None)

    def _prepare(self, workspace_id: WorkspaceId, stored: StoredMap) -> PreparedMap:
        cache_key = (workspace_id, stored.journey, stored.version)
        prepared = self._versions.get(cache_key)
        if prepared is None:
            prepared = self._versions[cache_key] = PreparedMap(stored)
            if len(self._versions) > _MAX_VERSIONS:
                self._versions.popitem(last=False)
        return prepared
