"""The maps in force, compiled, by workspace. Follows `journey_version` by its publication number."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog

from shared.journey.compile import CompiledJourney
from shared.journey.model import SubjectKind
from shared.maps import MapInvalid
from shared.maps.published import PublishedMap

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Journeys:
    """The journeys of one workspace."""

    by_key: dict[str, CompiledJourney] = field(default_factory=dict)
    of_accounts: tuple[CompiledJourney, ...] = ()
    of_persons: tuple[CompiledJourney, ...] = ()
    of_lone_persons: tuple[CompiledJourney, ...] = ()
    """A person without an account stands for its own account: both kinds."""
    versions: dict[str, int] = field(default_factory=dict)

    def put(self, compiled: CompiledJourney) -> None:
        """Bring a version into force."""
        self.by_key[compiled.journey.key] = compiled
        self.versions[compiled.journey.key] = compiled.journey.version
        every = tuple(self.by_key[key] for key in sorted(self.by_key))
        self.of_accounts = tuple(c for c in every if c.journey.subject is SubjectKind.ACCOUNT)
        self.of_persons = tuple(c for c in every if c.journey.subject is SubjectKind.PERSON)
        self.of_lone_persons = every


NO_JOURNEYS = Journeys()


class Maps:
    """Every workspace's journeys as of a publication number."""

    def __init__(self) -> None:
        self.publication = 0
        self._workspaces: dict[int, Journeys] = {}

    def of(self, workspace_id: int) -> Journeys:
        """Journeys in force in a workspace."""
        return self._workspaces.get(workspace_id, NO_JOURNEYS)

    def take(self, published: Iterable[PublishedMap]) -> None:
        """Bring newer publications into force.

        A map that this code cannot compile stays out, with an error in the log: publishing checks
        maps, so it takes a downgrade to get here, and one bad map must not stop the others.
        """
        for each in published:
            self.publication = max(self.publication, each.publication)
            try:
                compiled = each.compiled()
            except (MapInvalid, ValueError):
                log.exception(
                    "map_not_usable",
                    workspace_id=each.workspace_id,
                    journey=each.journey,
                    version=each.version,
                )
                continue
            journeys = self._workspaces.setdefault(each.workspace_id, Journeys())
            known = journeys.by_key.get(each.journey)
            if known is None or known.journey.version < each.version:
                journeys.put(compiled)
                log.info(
                    "map_in_force",
                    workspace_id=each.workspace_id,
                    journey=each.journey,
                    version=each.version,
                )
