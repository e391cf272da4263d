"""`stageline source replay`: applies the current mapping of a source to its unmapped dead letters."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Annotated, Any

import typer
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from services.cli.client.errors import REFUSED, fail
from services.cli.client.http import print_json
from services.cli.queries import dead_letters
from services.ingest.compose import composed
from services.ingest.events.verdicts import Refused
from services.ingest.intake import Ingest
from services.ingest.protocols.webhooks.parse import DeliveryContext, parse_dead_letter
from services.ingest.settings import IngestSettings
from shared.clock import SystemClock
from shared.contracts.envelope import Envelope, decode
from shared.contracts.message_ids import as_sent
from shared.ids import DEFAULT_WORKSPACE
from shared.keys.principal import Principal
from shared.keys.token import KeyKind
from shared.settings import load
from shared.sources.mapping import MappingProblem, compile_mapping
from shared.sources.source import Source
from shared.storage import source_changes, workspaces
from shared.storage.connect import DatabaseRole, create_engine
from shared.telemetry.metrics import Metrics

_PAGE = 500
_ROUTE = "replay"
_READ_SECONDS = 30.0
"""Longer than of a request: the user of a command waits for the database."""


def replay(
    name: Annotated[str, typer.Argument(help="Name or id of the source.")],
    *,
    workspace: Annotated[
        str, typer.Option(help="Name or id of the workspace of the source.")
    ] = str(DEFAULT_WORKSPACE),
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """Apply the current mapping of a source to its unmapped dead letters.

    Touchpoints go into the event log with the time at which they happened; items that the mapping
    skips are marked as done; the rest stays unmapped. Works on the database. Safe to repeat.
    """
    done = asyncio.run(_replay_source(load(IngestSettings), workspace, name))
    counts = {each: done[each] for each in ("replayed", "skipped", "unmapped", "rejected")}
    if as_json:
        print_json(counts)
    else:
        typer.echo(", ".join(f"{count} {what}" for what, count in counts.items()))
    if done["rejected"]:
        raise typer.Exit(REFUSED)


async def _replay_source(settings: IngestSettings, workspace: str, name: str) -> Counter[str]:
    engine = create_engine(
        settings.database_url.get_secret_value(),
        role=DatabaseRole.OWNER,
        application_name="stageline-cli",
    )
    try:
        source = await _find_source(engine, workspace, name)
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
            return await _replay_all(engine, ingest, source)
    finally:
        await engine.dispose()


async def _find_source(engine: AsyncEngine, workspace: str, name: str) -> Source:
    async with engine.begin() as connection:
        within = await workspaces.find(connection, workspace)
        stored = await source_changes.list_sources(connection, within.workspace_id)
    chosen = next((each for each in stored if name in (each.source_id, each.name)), None)
    if chosen is None:
        fail("there is no source of that name; `stageline source list` shows them")
    return chosen


async def _replay_all(engine: AsyncEngine, ingest: Ingest, source: Source) -> Counter[str]:
    written = source.settings.mapping
    try:
        mapping = None if written is None else compile_mapping(written)
    except MappingProblem as exc:
        fail(f"the mapping of the source cannot be used: {exc}", REFUSED)
    context = DeliveryContext(
        kind=source.kind, source_id=source.source_id, settings=source.settings, mapping=mapping
    )
    done: Counter[str] = Counter()
    async for number, envelope in _unmapped_dead_letters(engine, source):
        verdict = await _replay_one(ingest, source, context, envelope)
        done[verdict] += 1
        if verdict in ("replayed", "skipped"):
            # Append before marking: a crash between the two replays it again, which is harmless.
            now = ingest.clock.now()
            async with engine.begin() as connection:
                await dead_letters.mark_replayed(connection, number, now)
    return done


async def _unmapped_dead_letters(
    engine: AsyncEngine, source: Source
) -> AsyncIterator[tuple[int, Envelope]]:
    """Number and envelope of each unmapped dead letter of the source, oldest first."""
    after = 0
    while True:
        async with engine.begin() as connection:
            rows = await dead_letters.unmapped_dead_letters(
                connection, workspace_id=source.workspace_id, after=after, limit=_PAGE
            )
        for row in rows:
            after = row.dead_letter_id
            envelope = decode(bytes(row.record_value))
            if envelope.source == source.source_id:
                yield after, envelope
        if len(rows) < _PAGE:
            return


async def _replay_one(
    ingest: Ingest, source: Source, context: DeliveryContext, envelope: Envelope
) -> str:
    """Replay one dead letter; its result. Its candidates are judged as if they were sent now."""
    items: list[Any] = parse_dead_letter(
        envelope.properties, context, name=as_sent(envelope.message_id)
    )
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
