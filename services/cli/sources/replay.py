"""`stageline source replay`: what nobody knew when it came goes through the mapping of today."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Annotated, Any

import typer
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from services.cli import queries
from services.cli.client.errors import REFUSED, fail
from services.cli.client.http import print_json
from services.ingest.compose import composed
from services.ingest.events.verdicts import Refused
from services.ingest.intake import Ingest
from services.ingest.protocols.webhooks.parse import DeliveryContext, parse_dead_letter
from services.ingest.settings import IngestSettings
from shared.clock import SystemClock
from shared.contracts.envelope import Envelope, decode
from shared.ids import DEFAULT_WORKSPACE, WorkspaceId
from shared.keys.principal import Principal
from shared.keys.token import KeyKind
from shared.settings import load
from shared.sources.mapping import MappingProblem, compile_mapping
from shared.sources.source import Source
from shared.storage import source_changes
from shared.storage.connect import DatabaseRole, create_engine
from shared.telemetry.metrics import Metrics

_PAGE = 500
_ROUTE = "replay"
_READ_SECONDS = 30.0
"""A person waits for the database longer than a request would."""


def replay(
    name: Annotated[str, typer.Argument(help="Name or id of the source.")],
    *,
    workspace: Annotated[int, typer.Option(help="Workspace of the source.")] = DEFAULT_WORKSPACE,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """Put dead letters that no mapping knew through the mapping of today.

    What it makes a touchpoint goes into the event log with the time at which it happened, what it
    skips is done with, and the rest goes on waiting. Works on the database. Safe to repeat.
    """
    done = asyncio.run(_replayed(load(IngestSettings), WorkspaceId(workspace), name))
    told = {each: done[each] for each in ("replayed", "skipped", "unmapped", "rejected")}
    if as_json:
        print_json(told)
    else:
        typer.echo(", ".join(f"{count} {what}" for what, count in told.items()))
    if done["rejected"]:
        raise typer.Exit(REFUSED)


async def _replayed(settings: IngestSettings, workspace_id: WorkspaceId, name: str) -> Counter[str]:
    engine = create_engine(
        settings.database_url.get_secret_value(),
        role=DatabaseRole.OWNER,
        application_name="stageline-cli",
    )
    try:
        source = await _source(engine, workspace_id, name)
        async with composed(
            settings,
            clock=SystemClock(),
            metrics=Metrics(CollectorRegistry()),
            role=DatabaseRole.OWNER,
            application_name="stageline-cli",
            is_recording=False,
            read_timeout_seconds=_READ_SECONDS,
        ) as ingest:
            if not await ingest.sources.refresh():
                fail("the sources cannot be read")
            await ingest.writer.start()
            return await _all(engine, ingest, source)
    finally:
        await engine.dispose()


async def _source(engine: AsyncEngine, workspace_id: WorkspaceId, name: str) -> Source:
    async with engine.begin() as connection:
        found = await source_changes.list_sources(connection, workspace_id)
    chosen = next((each for each in found if name in (each.source_id, each.name)), None)
    if chosen is None:
        fail("there is no source of that name; `stageline source list` shows them")
    return chosen


async def _all(engine: AsyncEngine, ingest: Ingest, source: Source) -> Counter[str]:
    written = source.settings.mapping
    try:
        mapping = None if written is None else compile_mapping(written)
    except MappingProblem as exc:
        fail(f"the mapping of the source cannot be used: {exc}", REFUSED)
    way = DeliveryContext(
        kind=source.kind, source_id=source.source_id, settings=source.settings, mapping=mapping
    )
    done: Counter[str] = Counter()
    async for number, envelope in _letters(engine, source):
        verdict = await _one(ingest, source, way, envelope)
        done[verdict] += 1
        if verdict in ("replayed", "skipped"):
            # Appended first, noted second: a crash between the two replays it again, harmlessly.
            now = ingest.clock.now()
            async with engine.begin() as connection:
                await queries.mark_replayed(connection, number, now)
    return done


async def _letters(engine: AsyncEngine, source: Source) -> AsyncIterator[tuple[int, Envelope]]:
    """Number and content of each letter of the source that waits for a mapping, oldest first."""
    after = 0
    while True:
        async with engine.begin() as connection:
            rows = await queries.unmapped_letters(
                connection, workspace_id=source.workspace_id, after=after, limit=_PAGE
            )
        for row in rows:
            after = row.dead_letter_id
            envelope = decode(bytes(row.record_value))
            if envelope.source == source.source_id:
                yield after, envelope
        if len(rows) < _PAGE:
            return


async def _one(ingest: Ingest, source: Source, way: DeliveryContext, envelope: Envelope) -> str:
    """What becomes of one letter. Its candidates pass the door as if they came today."""
    items: list[Any] = parse_dead_letter(envelope.properties, way, name=envelope.message_id)
    if not items:
        return "skipped"
    if any(not isinstance(item, Refused) and item.type == "unmapped" for item in items):
        return "unmapped"
    principal = Principal(
        workspace_id=source.workspace_id,
        key_id=source.source_id,
        kind=KeyKind.SECRET,
        scopes=frozenset(),
        source_id=source.source_id,
    )
    sender = await ingest.gatekeeper.identify(principal)
    decisions = await ingest.store(
        items, sender=sender, received_at=envelope.received_at, route=_ROUTE
    )
    return "rejected" if decisions.refused else "replayed"
