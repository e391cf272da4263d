"""The principal of a key: its workspace, its scopes, its source."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.ids import WorkspaceId
from shared.keys.token import KeyKind


class Scope(StrEnum):
    """Permission of a key; part of the public contract."""

    EVENTS_WRITE = "events:write"
    EVENTS_RETRACT = "events:retract"
    STAGES_READ = "stages:read"
    ALERTS_WRITE = "alerts:write"
    MAPS_WRITE = "maps:write"
    KPIS_WRITE = "kpis:write"
    PEOPLE_WRITE = "people:write"
    PEOPLE_ERASE = "people:erase"
    IDENTITY_WRITE = "identity:write"
    SOURCES_READ = "sources:read"
    SOURCES_WRITE = "sources:write"
    WORKSPACES_WRITE = "workspaces:write"


_MOST_LABEL_CHARS = 100
_OF_OPERATORS = frozenset({Scope.WORKSPACES_WRITE})

SCOPES_OF_KIND = {
    KeyKind.WRITE: frozenset({Scope.EVENTS_WRITE}),
    KeyKind.SECRET: frozenset(Scope) - _OF_OPERATORS,
    KeyKind.OPERATOR: _OF_OPERATORS,
}
"""Scopes that a key of a kind may hold, and holds by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Identity of an authenticated request; its workspace is the only one that the request may use."""

    workspace_id: WorkspaceId
    key_id: str
    kind: KeyKind
    scopes: frozenset[Scope]
    source_id: str | None = None
    """The source that the key belongs to."""
    label: str = ""
    """What the key is called by those who made it; empty without a name."""

    @property
    def author(self) -> str:
        """The key as the author of an operator's statement: its label, which says whose it is, and its id."""
        label = self.label.strip()[:_MOST_LABEL_CHARS]
        return f"{label} (key {self.key_id})" if label else f"key {self.key_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A key as it is stored: no secret, only its hash. Instants are aware UTC."""

    workspace_id: WorkspaceId
    key_id: str
    kind: KeyKind
    scopes: frozenset[Scope]
    secret_hash: bytes
    label: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    source_id: str | None = None

    def principal(self) -> Principal:
        """Principal of this key. A key never holds more than its kind may, whatever is stored."""
        return Principal(
            workspace_id=self.workspace_id,
            key_id=self.key_id,
            kind=self.kind,
            scopes=self.scopes & SCOPES_OF_KIND[self.kind],
            source_id=self.source_id,
            label=self.label,
        )
