"""SQL of `verify`: offsets and verdicts against what is stored. Reads only; runs as the owner."""

from typing import Any

from sqlalchemy import Row, Text, exists, func, or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.names import RESERVED_PREFIXES
from shared.storage.identity.tables import identifier, member
from shared.storage.source_tables import suppression
from shared.storage.tables import (
    consumer_offset,
    dead_letter,
    placement,
    subject,
    touchpoint,
    transition,
    workspace,
)

_ERASED = (suppression.c.reason == "erased", suppression.c.lifted_at.is_(None))

# Offsets of each partition, and how many records got which verdict.
_OFFSETS = select(
    consumer_offset.c.topic,
    consumer_offset.c.partition,
    consumer_offset.c.first_offset,
    consumer_offset.c.next_offset,
    consumer_offset.c.applied,
    consumer_offset.c.duplicate,
    consumer_offset.c.dead,
    consumer_offset.c.erased,
    consumer_offset.c.forgotten,
    consumer_offset.c.retracted,
    consumer_offset.c.withdrawn,
).order_by(consumer_offset.c.topic, consumer_offset.c.partition)


async def snapshot(connection: AsyncConnection) -> None:
    """Make every later query of this transaction read one snapshot. Must come first."""
    await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    await connection.execute(text("SET LOCAL statement_timeout = 0"))


async def offsets(connection: AsyncConnection) -> list[Row[*tuple[Any, ...]]]:
    """Offsets and verdicts of every partition."""
    return list(await connection.execute(_OFFSETS))


async def stored(connection: AsyncConnection) -> tuple[int, int]:
    """Number of stored touchpoints, and of stored dead letters."""
    touchpoints = await connection.scalar(select(func.count()).select_from(touchpoint))
    dead = await connection.scalar(select(func.count()).select_from(dead_letter))
    return int(touchpoints or 0), int(dead or 0)


async def left_behind(connection: AsyncConnection) -> int:
    """Number of merged subjects that still have touchpoints, or as accounts a placement.

    A person that is in an account now may have been in none before: what it did then stays its own.
    """
    of_subject = (
        select(touchpoint.c.message_id)
        .where(
            touchpoint.c.workspace_id == subject.c.workspace_id,
            touchpoint.c.subject_id == subject.c.subject_id,
            touchpoint.c.person_id.is_distinct_from(subject.c.subject_id),
            # The deletion of a record that another one absorbed.
            touchpoint.c.envelope["is_about_record"].astext.is_distinct_from("true"),
        )
        .correlate(subject)
    )
    is_person = or_(*(subject.c.subject_id.startswith(prefix) for prefix in RESERVED_PREFIXES))
    placed = (
        select(placement.c.journey)
        .where(
            placement.c.workspace_id == subject.c.workspace_id,
            placement.c.subject_id == subject.c.subject_id,
        )
        .correlate(subject)
    )
    # A person with a home account keeps placements of its own; a merged account has none.
    query = (
        select(func.count())
        .select_from(subject)
        .where(
            subject.c.merged_into.is_not(None),
            or_(exists(of_subject), ~is_person & exists(placed)),
        )
    )
    return int(await connection.scalar(query) or 0)


async def workspaces_with_erased(connection: AsyncConnection) -> list[tuple[int, bytes]]:
    """(id, key of the digests) of workspaces that have erased people."""
    query = (
        select(workspace.c.workspace_id, workspace.c.hash_key)
        .where(
            exists(
                select(suppression.c.digest).where(
                    suppression.c.workspace_id == workspace.c.workspace_id, *_ERASED
                )
            )
        )
        .order_by(workspace.c.workspace_id)
    )
    return [(row.workspace_id, row.hash_key) for row in await connection.execute(query)]


async def erased_digests(connection: AsyncConnection, workspace_id: int) -> set[bytes]:
    """Digests of the names that a workspace has erased."""
    query = select(suppression.c.digest).where(suppression.c.workspace_id == workspace_id, *_ERASED)
    return set((await connection.execute(query)).scalars())


async def names_after(
    connection: AsyncConnection, workspace_id: int, after: str, limit: int
) -> list[str]:
    """Names (identifiers) of a workspace after `after`, in order."""
    query = (
        select(identifier.c.identifier)
        .where(identifier.c.workspace_id == workspace_id, identifier.c.identifier > after)
        .order_by(identifier.c.identifier)
        .limit(limit)
    )
    return list((await connection.execute(query)).scalars())


async def subjects_after(
    connection: AsyncConnection, after: tuple[int, str], limit: int
) -> list[Row[*tuple[Any, ...]]]:
    """Subjects that are not merged into another, in key order, after key `after`."""
    query = (
        select(subject.c.workspace_id, subject.c.subject_id, subject.c.states)
        .where(
            tuple_(subject.c.workspace_id, subject.c.subject_id) > after,
            subject.c.merged_into.is_(None),
        )
        .order_by(subject.c.workspace_id, subject.c.subject_id)
        .limit(limit)
    )
    return list(await connection.execute(query))


async def history_of_subject(
    connection: AsyncConnection, workspace_id: int, subject_id: str
) -> list[Row[*tuple[Any, ...]]]:
    """Touchpoints stored at one subject: envelope text, person."""
    query = select(touchpoint.c.envelope.cast(Text), touchpoint.c.person_id).where(
        touchpoint.c.workspace_id == workspace_id, touchpoint.c.subject_id == subject_id
    )
    return list(await connection.execute(query))


async def history_of_person(
    connection: AsyncConnection, workspace_id: int, person_id: str
) -> list[Row[*tuple[Any, ...]]]:
    """Touchpoints of one person at every subject that the person is a member of."""
    query = (
        select(touchpoint.c.envelope.cast(Text), touchpoint.c.person_id)
        .join(
            member,
            (member.c.workspace_id == touchpoint.c.workspace_id)
            & (member.c.subject_id == touchpoint.c.subject_id),
        )
        .where(
            member.c.workspace_id == workspace_id,
            member.c.person_id == person_id,
            touchpoint.c.person_id == person_id,
        )
    )
    return list(await connection.execute(query))


async def current_transitions(
    connection: AsyncConnection, workspace_id: int, subject_id: str, journey: str
) -> list[Row[*tuple[Any, ...]]]:
    """Transitions that are not superseded, in sequence."""
    t = transition.c
    query = (
        select(
            t.sequence, t.kind, t.from_stage, t.to_stage, t.outcome, t.cycle, t.occurred_at,
            t.dwell_seconds, t.cause_message_id, t.cause_event, t.cause_timer, t.rule,
        )
        .where(
            t.workspace_id == workspace_id,
            t.subject_id == subject_id,
            t.journey == journey,
            t.superseded_at.is_(None),
        )
        .order_by(t.sequence)
    )  # fmt: skip
    return list(await connection.execute(query))
