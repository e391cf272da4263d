"""A workspace's own words of the list of ids that name nobody. Needs the owner's role.

No function commits: the caller's transaction does.
"""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.envelope import MAX_ID_CHARS
from shared.contracts.names import JunkNames, is_junk, junk_word
from shared.storage.tables import workspace
from shared.storage.workspaces import StoredWorkspace, WorkspaceRefused

MAX_WORDS = 1_000
"""Words that a workspace adds, and removes: ingest holds all of them."""


async def read(connection: AsyncConnection, current: StoredWorkspace) -> JunkNames:
    """The words of a workspace; the row is locked until the transaction ends."""
    row = (
        await connection.execute(
            select(workspace.c.junk_added, workspace.c.junk_removed)
            .where(workspace.c.workspace_id == current.workspace_id)
            .with_for_update()
        )
    ).one()
    return JunkNames(frozenset(row.junk_added), frozenset(row.junk_removed))


async def add(connection: AsyncConnection, current: StoredWorkspace, word: str) -> JunkNames:
    """Let a word name nobody. Raises WorkspaceRefused for one that is blank, or one too many."""
    text, names = _valid(word), await read(connection, current)
    added = names.added if is_junk(text) else names.added | {text}
    return await _store(connection, current, JunkNames(added, names.removed - {text}))


async def remove(connection: AsyncConnection, current: StoredWorkspace, word: str) -> JunkNames:
    """Let a word be a name. Raises WorkspaceRefused for one that is blank, or one too many."""
    text, names = _valid(word), await read(connection, current)
    removed = names.removed | {text} if is_junk(text) else names.removed
    return await _store(connection, current, JunkNames(names.added - {text}, removed))


async def _store(
    connection: AsyncConnection, current: StoredWorkspace, names: JunkNames
) -> JunkNames:
    if max(len(names.added), len(names.removed)) > MAX_WORDS:
        raise WorkspaceRefused(f"a workspace adds and removes at most {MAX_WORDS} words")
    await connection.execute(
        update(workspace)
        .where(workspace.c.workspace_id == current.workspace_id)
        .values(junk_added=sorted(names.added), junk_removed=sorted(names.removed))
    )
    return names


def _valid(word: str) -> str:
    text = junk_word(word)
    if not text or "\0" in text or len(text) > MAX_ID_CHARS:
        raise WorkspaceRefused(f"a word is not blank and has at most {MAX_ID_CHARS} characters")
    return text
