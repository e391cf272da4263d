"""The published maps in force, compiled, by workspace. Follows `journey_version` by publication number."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog

from services.stager.store import queues
from services.stager.store.session import Connection
from shared.journey.compile import CompiledJourney
from shared.journey.model import SubjectKind
from shared.maps import MapInvalid
from shared.maps.published import PublishedMap

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class WorkspaceJourneys:
    """The journeys of one workspace."""

    by_key: dict[str, CompiledJourney] = field(default_factory=dict)
    retired: dict[str, int] = field(default_factory=dict)
    """Number of the row that ended each retired journey."""
    of_accounts: tuple[CompiledJourney, ...] = ()
    of_persons: tuple[CompiledJourney, ...] = ()
    of_lone_persons: tuple[CompiledJourney, ...] = ()
    """A person without an account stands for its own account: journeys of both kinds."""

    def put(self, compiled: CompiledJourney) -> None:
        """Bring a version into force."""
        self.by_key[compiled.journey.key] = compiled
        self.retired.pop(compiled.journey.key, None)
        self._sort()

    def retire(self, key: str, version: int) -> None:
        """Take a journey out of force."""
        self.by_key.pop(key, None)
        self.retired[key] = version
        self._sort()

    def _sort(self) -> None:
        every = tuple(self.by_key[key] for key in sorted(self.by_key))
        self.of_accounts = tuple(c for c in every if c.journey.subject is SubjectKind.ACCOUNT)
        self.of_persons = tuple(c for c in every if c.journey.subject is SubjectKind.PERSON)
        self.of_lone_persons = every


_NO_JOURNEYS = WorkspaceJourneys()


class Journeys:
    """The journeys of every workspace as of a publication number."""

    def __init__(self) -> None:
        self.publication = 0
        self._workspaces: dict[int, WorkspaceJourneys] = {}

    def of(self, workspace_id: int) -> WorkspaceJourneys:
        """Journeys in force in a workspace."""
        return self._workspaces.get(workspace_id, _NO_JOURNEYS)

    def apply(self, published: Iterable[PublishedMap]) -> None:
        """Bring newer publications into force: of each journey its newest version, alone compiled.

        A map that this release cannot compile stays out, with an error in the log, and the version before
        it stays. Publishing checks maps, so this needs a downgrade, and one such map must not stop the
        others.
        """
        versions: dict[tuple[int, str], list[PublishedMap]] = {}
        for each in published:
            self.publication = max(self.publication, each.publication)
            versions.setdefault((each.workspace_id, each.journey), []).append(each)
        for of_journey in versions.values():
            of_journey.sort(key=lambda each: each.version, reverse=True)
            for each in of_journey:
                if self._is_applied(each):
                    break

    def _is_applied(self, each: PublishedMap) -> bool:
        """Bring one version into force, unless a newer one is or this release cannot compile it."""
        journeys = self._workspaces.setdefault(each.workspace_id, WorkspaceJourneys())
        in_force = journeys.by_key.get(each.journey)
        if in_force is not None and in_force.journey.version >= each.version:
            return True
        if each.is_retired:
            journeys.retire(each.journey, each.version)
        else:
            try:
                journeys.put(each.compiled())
            except (MapInvalid, ValueError):
                log.exception(
                    "map_not_usable",
                    workspace_id=each.workspace_id,
                    journey=each.journey,
                    version=each.version,
                )
                return False
        log.info(
            "map_retired" if each.is_retired else "map_in_force",
            workspace_id=each.workspace_id,
            journey=each.journey,
            version=each.version,
        )
        return True


async def refresh_journeys(connection: Connection, journeys: Journeys) -> None:
    """Bring newer maps into force; to be called at the start of each writing transaction of a job."""
    if await queues.newest_publication(connection) > journeys.publication:
        await apply_newer(connection, journeys)


async def apply_newer(connection: Connection, journeys: Journeys) -> None:
    """Read and apply the maps that were published after those in force."""
    journeys.apply(await queues.publications_after(connection, journeys.publication))
