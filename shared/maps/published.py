"""One published version of a map: the one type through which every process reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.ids import WorkspaceId
from shared.journey.compile import CompiledJourney, compile_journey
from shared.journey.model import SubjectKind
from shared.maps.document import MapDocument
from shared.maps.journey import to_journey
from shared.maps.parse import from_definition


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedStage:
    """What a published map says of a stage, for people."""

    key: str
    title: str
    job: str | None
    owner: str | None
    content: Mapping[str, Mapping[str, str]]
    """Text by persona (or `default`) and slot."""
    kpis: Sequence[str]
    """Names of the indicators declared for the stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedMap:
    """A row of `journey_version`. A version never changes.

    Title, subject and stages are read off the definition without checking it: they stay readable when a
    downgrade meets a definition that this code cannot run.
    """

    workspace_id: WorkspaceId
    journey: str
    version: int
    publication: int
    """Number among all publications of all workspaces; grows with time."""
    definition: Mapping[str, Any]
    is_retired: bool = False
    """Whether this row ends the journey; its definition is that of the version before."""

    @property
    def title(self) -> str:
        """Name for people."""
        return str(self.definition["title"])

    @property
    def subject(self) -> SubjectKind:
        """Whose stage the map decides."""
        return SubjectKind(self.definition["subject"])

    @property
    def stages(self) -> list[PublishedStage]:
        """The stages in their order."""
        return [
            PublishedStage(
                key=stage["key"],
                title=stage["title"],
                job=stage.get("job"),
                owner=stage.get("owner"),
                content=stage.get("content") or {},
                kpis=[kpi["name"] for kpi in stage.get("kpis") or ()],
            )
            for stage in self.definition["stages"]
        ]

    def document(self) -> MapDocument:
        """The map as a document. Raises MapInvalid if the format has changed without a migration."""
        return from_definition(self.definition)

    def compiled(self) -> CompiledJourney:
        """The map in the engine's form. Cost: some milliseconds.

        Raises MapInvalid as `document` does, and ValueError for a map that contradicts itself.
        """
        return compile_journey(to_journey(self.document(), self.version))
