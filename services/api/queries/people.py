"""SQL of the suppression list, by which ingest drops events."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.api.queries.accounts import identifiers, resolve
from services.api.queries.identity.people import names as rows_of_names
from shared.contracts.names import is_device
from shared.ids import WorkspaceId
from shared.sources.hashing import PersonName
from shared.sources.source import ERASED
from shared.storage.source_tables import suppression, suppression_change

# Keyed hashes of texts, in their order, by the key of the workspace that the connection is bound to.
_HASHES = text("SELECT keyed_hashes(CAST(:texts AS text[]))").bindparams(bindparam("texts"))

_ROWS = select(
    suppression.c.digest, suppression.c.reason, suppression.c.suppressed_at, suppression.c.lifted_at
)


async def names_of(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    person: str,
    *,
    with_shared_devices: bool,
) -> Sequence[str]:
    """`person`, and every other name that resolves to the same person.

    A device that other people used as well is left out unless `with_shared_devices`.
    """
    resolved = await resolve(connection, workspace_id, person)
    if resolved is None or resolved.person_id is None:
        return [person]
    names = {person, *await identifiers(connection, workspace_id, resolved.person_id)}
    if not with_shared_devices:
        devices = {name for name in names if is_device(name) and name != person}
        for device in await rows_of_names(connection, workspace_id, devices):
            if any(each.value not in names for each in device.users):
                names.remove(device.name)
    return sorted(names)


async def digests(connection: AsyncConnection, names: Sequence[PersonName]) -> list[bytes]:
    """Digest of each name, as the list stores it, in their order."""
    clear_names = [name for name in names if name.mac is None]
    hashed = await connection.scalar(_HASHES, {"texts": [name.value for name in clear_names]})
    hashes = iter(hashed or ())
    return [name.digest(name.mac or bytes(next(hashes))) for name in names]


async def rows(
    connection: AsyncConnection, workspace_id: WorkspaceId, listed: Collection[bytes]
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Entries of the list for those of the digests that it has, lifted ones included."""
    entries = await connection.execute(
        _ROWS.where(
            suppression.c.workspace_id == workspace_id,
            suppression.c.digest.in_(sorted(listed)),
        )
    )
    return entries.all()


async def suppress(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    listed: Collection[bytes],
    *,
    reason: str,
    by: str,
    now: datetime,
) -> None:
    """Add digests to the list; an entry that is not lifted keeps its first reason."""
    # Sorted, so that two requests for the same people cannot deadlock.
    put = insert(suppression).values(
        [
            {
                "workspace_id": workspace_id,
                "digest": digest,
                "reason": reason,
                "suppressed_at": now,
                "suppressed_by": by,
            }
            for digest in sorted(set(listed))
        ]
    )
    new = put.excluded
    await connection.execute(
        put.on_conflict_do_update(
            index_elements=[suppression.c.workspace_id, suppression.c.digest],
            set_={
                "change": new.change,
                "reason": new.reason,
                "suppressed_at": new.suppressed_at,
                "suppressed_by": new.suppressed_by,
                "lifted_at": None,
                "lifted_by": None,
            },
            where=suppression.c.lifted_at.is_not(None),
        )
    )


async def lift(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    listed: Collection[bytes],
    *,
    even_erased: bool,
    by: str,
    now: datetime,
) -> None:
    """Lift entries of the list; those of erased people only with `even_erased`."""
    clauses = [
        suppression.c.workspace_id == workspace_id,
        suppression.c.digest.in_(sorted(listed)),
        suppression.c.lifted_at.is_(None),
    ]
    if not even_erased:
        clauses.append(suppression.c.reason != ERASED)
    await connection.execute(
        update(suppression)
        .where(*clauses)
        .values(change=suppression_change.next_value(), lifted_at=now, lifted_by=by)
    )
