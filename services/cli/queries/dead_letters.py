"""SQL of `dlq` and `source replay`: dead letters. No function commits; each runs as the owner."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.eventlog.port import MAX_RECORD_BYTES
from shared.storage.tables import dead_letter

NOT_TO_REPLAY = ("unmapped", "erased")
"""Reasons of dead letters that cannot be appended as they are: no mapping applies, or they are empty."""

_DEAD_LETTER = (
    dead_letter.c.dead_letter_id,
    dead_letter.c.workspace_id,
    dead_letter.c.topic,
    dead_letter.c.partition,
    dead_letter.c.record_offset,
    dead_letter.c.reason,
    dead_letter.c.detail,
    dead_letter.c.created_at,
    dead_letter.c.replayed_at,
    dead_letter.c.message_id,
)


async def list_dead_letters(
    connection: AsyncConnection, *, after: int, limit: int, is_pending_only: bool
) -> list[Row[*tuple[Any, ...]]]:
    """Dead letters without their bytes, oldest first, after id `after`."""
    query = (
        select(*_DEAD_LETTER, func.octet_length(dead_letter.c.record_value).label("size_bytes"))
        .where(dead_letter.c.dead_letter_id > after)
        .order_by(dead_letter.c.dead_letter_id)
        .limit(limit)
    )
    if is_pending_only:
        query = query.where(dead_letter.c.replayed_at.is_(None))
    return list(await connection.execute(query))


async def replayable(
    connection: AsyncConnection, *, after: int, limit: int
) -> list[Row[*tuple[Any, ...]]]:
    """Dead letters that were not replayed and can be appended as they are, oldest first."""
    query = (
        select(*_DEAD_LETTER)
        .where(
            dead_letter.c.dead_letter_id > after,
            dead_letter.c.replayed_at.is_(None),
            dead_letter.c.reason.not_in(NOT_TO_REPLAY),
            func.coalesce(func.octet_length(dead_letter.c.record_key), 0)
            + func.coalesce(func.octet_length(dead_letter.c.record_value), 0)
            <= MAX_RECORD_BYTES,
        )
        .order_by(dead_letter.c.dead_letter_id)
        .limit(limit)
    )
    return list(await connection.execute(query))


async def count_unmapped(connection: AsyncConnection) -> int:
    """Number of unmapped dead letters that were not replayed."""
    query = select(func.count()).where(
        dead_letter.c.reason == "unmapped", dead_letter.c.replayed_at.is_(None)
    )
    return int(await connection.scalar(query) or 0)


async def unmapped_dead_letters(
    connection: AsyncConnection, *, workspace_id: int, after: int, limit: int
) -> list[Row[*tuple[Any, ...]]]:
    """Number and bytes of unmapped dead letters of every source that were not replayed, oldest first."""
    query = (
        select(dead_letter.c.dead_letter_id, dead_letter.c.record_value)
        .where(
            dead_letter.c.workspace_id == workspace_id,
            dead_letter.c.dead_letter_id > after,
            dead_letter.c.reason == "unmapped",
            dead_letter.c.replayed_at.is_(None),
            dead_letter.c.record_value.is_not(None),
        )
        .order_by(dead_letter.c.dead_letter_id)
        .limit(limit)
    )
    return list(await connection.execute(query))


async def get_dead_letter(
    connection: AsyncConnection, dead_letter_id: int
) -> Row[*tuple[Any, ...]] | None:
    """One dead letter with its raw bytes."""
    query = select(*_DEAD_LETTER, dead_letter.c.record_key, dead_letter.c.record_value).where(
        dead_letter.c.dead_letter_id == dead_letter_id
    )
    return (await connection.execute(query)).one_or_none()


async def mark_replayed(
    connection: AsyncConnection, dead_letter_id: int, replayed_at: datetime
) -> None:
    """Mark the dead letter as replayed."""
    await connection.execute(
        update(dead_letter)
        .where(dead_letter.c.dead_letter_id == dead_letter_id)
        .values(replayed_at=replayed_at)
    )
