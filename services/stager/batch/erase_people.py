"""People who are to be forgotten: who they are in a batch, and everything that goes with them.

The rules stand in decision 0012. Whoever was forgotten has no row among the names any more, so a name
that is remembered is nobody's tombstone, and the list costs nothing for people who are known.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from services.stager.batch.classify import asked_to_forget
from services.stager.batch.tombstones import Erased, digest_of
from services.stager.errors import DataRejected
from services.stager.identity.names import Key, Named
from services.stager.identity.resolution import Plan
from services.stager.records.records import Event
from services.stager.store import erasure as store
from services.stager.store.rows import Forgotten
from services.stager.store.session import Connection
from services.stager.subjects.cache import Memory
from shared.contracts.names import ANONYMOUS, EMAIL, USER
from shared.sources.hashing import hashed


def mark(events: Iterable[Event], erased: Erased, memory: Memory) -> set[Key]:
    """Names with a tombstone whose links still count.

    A name that led to a stronger one before leads nowhere now: a device that somebody else uses as
    well does not take them along.
    """
    marked: set[Key] = set()
    links = memory.links
    for event in events:
        said = event.named
        if said.person is None or not erased.has_any(said.workspace_id):
            continue
        if links.get(said.person) is None and erased.find(said.person) is not None:
            marked.add(said.person)
        weaker = []
        for pair in said.weaker:
            was_linked = None if links.get(pair[0]) is not None else erased.find(pair[0])
            if was_linked is False:
                marked.add(pair[0])
            if not was_linked:
                weaker.append(pair)
        if len(weaker) != len(said.weaker):
            event.named = msgspec.structs.replace(said, weaker=tuple(weaker))
    return marked


async def asked(connection: Connection, requests: Sequence[Event]) -> list[Named]:
    """What requests say about identity: that each name in them is somebody, under a pseudonym too."""
    keys = await store.hash_keys(connection, {request.key[0] for request in requests})
    told: list[Named] = []
    for request in requests:
        for workspace, name in asked_to_forget(request.envelope):
            both = {name}
            if workspace in keys:
                kind, separator, value = name.partition(":")
                both.add(kind + separator + hashed(value, keys[workspace]))
            told += [
                Named(workspace, request.named.order, (workspace, each), None) for each in both
            ]
    return told


async def tombstones(
    connection: Connection, plan: Plan, erased: Erased
) -> list[tuple[int, bytes, bool]]:
    """What the list lacks. Raises DataRejected for a workspace that does not exist."""
    if not plan.forgotten:
        return []
    found: dict[tuple[int, bytes], bool] = {}
    keys = await store.hash_keys(connection, {name[0] for name in plan.forgotten})
    for name in plan.forgotten:
        if name[0] not in keys:
            raise DataRejected("there is no such workspace")
        is_linked = plan.links[name].person_id != name[1]
        was_linked = erased.find(name)
        if was_linked is None or (is_linked and not was_linked):
            # A name and its pseudonym are one and the same there.
            digest = (name[0], digest_of(name, keys[name[0]]))
            found[digest] = found.get(digest, False) or is_linked
    return [(*digest, is_linked) for digest, is_linked in found.items()]


async def forget(
    connection: Connection, gone: Forgotten, requests: Sequence[Event], now: datetime
) -> None:
    """Remove what is left of people whose touchpoints are gone. Only with no other batch under way."""
    by_workspace: dict[int, int] = {}
    for workspace, _ in gone.messages:
        by_workspace[workspace] = by_workspace.get(workspace, 0) + 1
    # Of several requests in one batch the first of a workspace gets the count.
    gone.requests = [(*request.key, by_workspace.pop(request.key[0], 0)) for request in requests]
    await store.forget(connection, gone, now)
    names: dict[int, list[str]] = {}
    for workspace, name in sorted(gone.names):
        names.setdefault(workspace, []).append(name)
    for workspace, of_workspace in names.items():
        await _empty_letters(connection, workspace, of_workspace, now)


async def _empty_letters(
    connection: Connection, workspace: int, names: Sequence[str], now: datetime
) -> None:
    texts = [name.partition(":")[2] for name in names]
    after = 0
    while rows := await store.letters(connection, workspace, texts, after):
        after = rows[-1][0]
        ids = [
            letter_id for letter_id, owner, value in rows if _names(value, workspace, owner, names)
        ]
        if ids:
            await store.empty_letters(connection, ids, now)
        await asyncio.sleep(0)


def _names(value: bytes, workspace: int, owner: int, names: Sequence[str]) -> bool:
    """Whether a dead letter holds an event of somebody, or their address anywhere.

    One whose workspace is not known (0) counts as everybody's only where it tells so itself.
    """
    emails = {name.removeprefix(EMAIL) for name in names if name.startswith(EMAIL)}
    try:
        told = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = value.decode("utf-8", "replace").lower()
        return owner == workspace and any(email in text for email in emails)
    if isinstance(told, dict):
        if owner != workspace and told.get("workspace_id") != workspace:
            return False
        fields = (
            (USER, told.get("user_id")),
            (ANONYMOUS, told.get("anonymous_id")),
            (ANONYMOUS, told.get("previous_id")),
        )
        if any(isinstance(text, str) and prefix + text in names for prefix, text in fields):
            return True
    return any(text.strip().lower() in emails for text in _texts(told))


def _texts(told: Any) -> Iterable[str]:  # noqa: ANN401 - any JSON
    pending: list[Any] = [told]
    while pending:
        match pending.pop():
            case str() as text:
                yield text
            case dict() as mapping:
                pending += mapping.keys()
                pending += mapping.values()
            case list() as items:
                pending += items
            case _:
                pass
