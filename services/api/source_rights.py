"""Scopes for what a source does on behalf of its senders: never more than its author's key holds. Pure."""

from collections.abc import Collection

from shared.http.auth import MissingScope
from shared.keys.principal import Principal, Scope
from shared.sources.effects import Effect

SCOPE_OF = {
    Effect.ERASE: Scope.PEOPLE_ERASE,
    Effect.MERGE: Scope.IDENTITY_WRITE,
    Effect.UNMERGE: Scope.IDENTITY_WRITE,
}
"""Scope that a key needs to let a source have an effect."""


def require(principal: Principal, effects: Collection[Effect]) -> None:
    """Check that a key may let a source have these effects. Raises MissingScope."""
    for effect in sorted(effects):
        if SCOPE_OF[effect] not in principal.scopes:
            raise MissingScope(SCOPE_OF[effect])
