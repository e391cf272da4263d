"""What was taken back, as far as every batch has to know it. Pure."""

from collections.abc import Iterable

from services.stager.identity.names import Key
from services.stager.records.records import BatchEvent
from services.stager.store.rows import RetractionChange, RetractionKind
from shared.contracts.envelope import Envelope


class Retractions:
    """Retracted imports, and the workspaces with retracted messages, as of a change number.

    Imports are few and have many events, so they are held; the message ids of a workspace are looked up in
    the table, and only where it has any.
    """

    def __init__(self) -> None:
        self.change = 0
        self.workspaces: set[int] = set()
        """Workspaces in which single messages were taken back."""
        self._imports: set[Key] = set()

    def apply(self, changes: Iterable[RetractionChange]) -> None:
        """Apply changes, in any order."""
        for each in changes:
            self.change = max(self.change, each.change)
            if each.kind == RetractionKind.IMPORT:
                self._imports.add((each.workspace_id, each.target))
            else:
                self.workspaces.add(each.workspace_id)

    def __bool__(self) -> bool:
        """Whether anything was ever taken back."""
        return bool(self._imports or self.workspaces)

    def has_import(self, envelope: Envelope) -> bool:
        """Whether an event came by a retracted import."""
        import_id = envelope.import_id
        return import_id is not None and (envelope.workspace_id, import_id) in self._imports

    def to_look_up(self, events: Iterable[BatchEvent]) -> set[Key]:
        """Keys of the events whose message ids may have been taken back."""
        if not self.workspaces:
            return set()
        return {event.key for event in events if event.envelope.workspace_id in self.workspaces}
