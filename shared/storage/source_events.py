"""What ingest writes about its sources: their newest events, and their usage.

No function commits: the caller's transaction does.
"""

from collections.abc import Sequence
from dataclasses import fields

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.sources.event import NO_SOURCE, SourceEvent, SourceEventWriter, SourceUsage
from shared.storage.errors import any_as_unavailable

KEPT_EVENTS = 200
"""Of each source, the newest."""

_EVENT_COLUMNS = tuple(field.name for field in fields(SourceEvent))
_USAGE_COLUMNS = tuple(field.name for field in fields(SourceUsage))

# One row for each event, in their order; none for a source that was removed meanwhile.
_INSERT_EVENTS = text(f"""
    INSERT INTO source_event (workspace_id, source_id, received_at, route, outcome, code, detail,
        message_id, event, person, account_id, import_id)
    SELECT e.workspace_id, e.source_id, e.received_at, e.route, e.outcome, e.code, e.detail,
        e.message_id, e.event, e.person, e.account_id, e.import_id
    FROM unnest(CAST(:workspace_id AS int[]), CAST(:source_id AS text[]),
            CAST(:received_at AS timestamptz[]), CAST(:route AS text[]), CAST(:outcome AS text[]),
            CAST(:code AS text[]), CAST(:detail AS text[]), CAST(:message_id AS text[]),
            CAST(:event AS text[]), CAST(:person AS text[]), CAST(:account_id AS text[]),
            CAST(:import_id AS text[]))
        WITH ORDINALITY AS e (workspace_id, source_id, received_at, route, outcome, code, detail,
            message_id, event, person, account_id, import_id, place)
    WHERE e.source_id = '{NO_SOURCE}' OR EXISTS (
        SELECT FROM source s WHERE s.workspace_id = e.workspace_id AND s.source_id = e.source_id
    )
    ORDER BY e.place
""")  # noqa: S608 - a constant of ours

# Of each source named, everything behind the newest so many. By the primary key, a few hundred rows.
_DELETE_OLD_EVENTS = text("""
    DELETE FROM source_event e USING (
        SELECT n.workspace_id, n.source_id, (
            SELECT o.source_event_id FROM source_event o
            WHERE o.workspace_id = n.workspace_id AND o.source_id = n.source_id
            ORDER BY o.source_event_id DESC OFFSET :kept LIMIT 1
        ) AS last
        FROM unnest(CAST(:workspace_id AS int[]), CAST(:source_id AS text[]))
            AS n (workspace_id, source_id)
    ) AS old
    WHERE e.workspace_id = old.workspace_id AND e.source_id = old.source_id
      AND e.source_event_id <= old.last
""")

# The caller sorts them, so that two processes lock the rows in one order.
_ADD_USAGE = text(f"""
    INSERT INTO source_usage AS u (workspace_id, source_id, day, accepted, refused, dropped)
    SELECT n.workspace_id, n.source_id, n.day, n.accepted, n.refused, n.dropped
    FROM unnest(CAST(:workspace_id AS int[]), CAST(:source_id AS text[]), CAST(:day AS date[]),
            CAST(:accepted AS bigint[]), CAST(:refused AS bigint[]), CAST(:dropped AS bigint[]))
        WITH ORDINALITY AS n (workspace_id, source_id, day, accepted, refused, dropped, place)
    WHERE n.source_id = '{NO_SOURCE}' OR EXISTS (
        SELECT FROM source s WHERE s.workspace_id = n.workspace_id AND s.source_id = n.source_id
    )
    ORDER BY n.place
    ON CONFLICT (workspace_id, source_id, day) DO UPDATE SET
        accepted = u.accepted + excluded.accepted,
        refused = u.refused + excluded.refused,
        dropped = u.dropped + excluded.dropped
""")  # noqa: S608 - as above


def writer(engine: AsyncEngine) -> SourceEventWriter:
    """Bind `write` to an engine, for a recorder. The call raises DatabaseUnavailable."""

    async def write_both(events: Sequence[SourceEvent], usages: Sequence[SourceUsage]) -> None:
        with any_as_unavailable("the events of the sources cannot be written"):
            async with engine.begin() as connection:
                await write(connection, events, usages)

    return write_both


async def write(
    connection: AsyncConnection, events: Sequence[SourceEvent], usages: Sequence[SourceUsage]
) -> None:
    """Keep `events` as the newest of their sources, and add `usages`, which come sorted."""
    if usages:
        await connection.execute(_ADD_USAGE, _columns(usages, _USAGE_COLUMNS))
    if not events:
        return
    await connection.execute(_INSERT_EVENTS, _columns(events, _EVENT_COLUMNS))
    touched = sorted({(event.workspace_id, event.source_id) for event in events})
    await connection.execute(
        _DELETE_OLD_EVENTS,
        {
            "workspace_id": [workspace_id for workspace_id, _ in touched],
            "source_id": [source_id for _, source_id in touched],
            "kept": KEPT_EVENTS,
        },
    )


def _columns(rows: Sequence[object], names: Sequence[str]) -> dict[str, list[object]]:
    return {name: [getattr(row, name) for row in rows] for name in names}
