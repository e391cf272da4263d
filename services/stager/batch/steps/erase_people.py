"""Step: erase what is left of persons to erase. The rules are those of decision 0012."""

import asyncio
from collections.abc import Sequence

import msgspec

from services.stager.batch.context import BatchContext
from services.stager.store import erasure as tables
from services.stager.store.session import Connection
from shared.contracts.names import (
    ANONYMOUS,
    EMAIL,
    EXTERNAL,
    USER,
    folded,
    is_address,
    normal_email,
    split,
)
from shared.json_values import strings


async def erase_people(connection: Connection, batch: BatchContext) -> None:
    """Delete what is left of erased persons; their touchpoints are deleted already.

    Only with no other batch under way, so that none misses the tombstones.
    """
    if not batch.is_erasing:
        return
    erasure, requests = batch.erasure, batch.records.erase_requests
    erasure.names = sorted(batch.resolution.erased_names)
    erasure.messages = [(row[0], row[1]) for row in batch.output.writes.touchpoints_erased]
    by_workspace: dict[int, int] = {}
    for workspace, _ in erasure.messages:
        by_workspace[workspace] = by_workspace.get(workspace, 0) + 1
    # Of several requests in one batch the first of a workspace gets the count.
    erasure.requests = [(*each.key, by_workspace.pop(each.key[0], 0)) for each in requests]
    await tables.erase(connection, erasure, batch.now)
    names: dict[int, list[str]] = {}
    for workspace, name in erasure.names:
        names.setdefault(workspace, []).append(name)
    for workspace, of_workspace in names.items():
        await _empty_dead_letters(connection, batch, workspace, of_workspace)
    if erasure.messages:
        cause = [*requests, *batch.erased_events][0]
        batch.records.progress[cause.partition].touchpoints_erased += len(erasure.messages)


async def _empty_dead_letters(
    connection: Connection, batch: BatchContext, workspace: int, names: Sequence[str]
) -> None:
    texts = [split(name)[1] for name in names]
    after = 0
    while rows := await tables.dead_letters_with_text(connection, workspace, texts, after):
        after = rows[-1][0]
        ids = [row[0] for row in rows if concerns(row[2], workspace, row[1], names)]
        if ids:
            await tables.empty_dead_letters(connection, ids, batch.now)
        await asyncio.sleep(0)


def concerns(value: bytes, workspace: int, owner: int, names: Sequence[str]) -> bool:
    """Whether a dead letter of workspace `owner` is an event of a person, or holds their address anywhere.

    `names`: those of the person, in `workspace`. A dead letter whose workspace is unknown (0) counts only
    if its content names the workspace.
    """
    folded_names = {folded(name) for name in names}
    parts = [split(name) for name in folded_names]
    addresses = {value for prefix, value in parts if prefix == EMAIL or is_address(value)}
    try:
        content = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = value.decode("utf-8", "replace").lower()
        return owner == workspace and any(address in text for address in addresses)
    if isinstance(content, dict):
        if owner != workspace and content.get("workspace_id") != workspace:
            return False
        fields = (
            (USER, content.get("user_id")),
            (ANONYMOUS, content.get("anonymous_id")),
            (ANONYMOUS, content.get("previous_id")),
            (USER, content.get("previous_id")),
            (EXTERNAL, content.get("external_id")),
        )
        if any(
            isinstance(text, str) and folded(prefix + text) in folded_names
            for prefix, text in fields
        ):
            return True
        previous = content.get("previous_names")
        if isinstance(previous, list) and any(
            isinstance(name, str) and folded(name) in folded_names for name in previous
        ):
            return True
    return any(normal_email(text) in addresses for text in strings(content))
