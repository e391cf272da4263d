"""A secret that was added a moment ago works at once; guesses cost no more reads than unknown keys do."""

import asyncio
from dataclasses import replace

import httpx
import pytest

from services.ingest.intake import Ingest
from shared.sources.registry import SourceRegistry
from shared.sources.source import Source, SourceKind
from tests.unit.ingest.conftest import FakeDatabase, ListLog
from tests.unit.ingest.protocols.webhooks.deliveries import (
    BODIES,
    made,
    post,
    with_public_address,
)

OLD = b"a secret of before, whsec_x"


@pytest.fixture
def ingest(ingest: Ingest) -> Ingest:
    return with_public_address(ingest)


async def _known_with(
    secrets: tuple[bytes, ...], of: Source, database: FakeDatabase, ingest: Ingest
) -> None:
    """Ingest has read the source with `secrets`; the database has it as it is now."""
    database.sources = [replace(of, secrets=secrets)]
    assert await ingest.sources.refresh()
    database.sources = [of]


@pytest.mark.parametrize("secrets", [(), (OLD,)])
@pytest.mark.parametrize(
    "kind", [SourceKind.STANDARD_WEBHOOKS, SourceKind.GENERIC, SourceKind.HUBSPOT]
)
async def test_a_new_secret_works_at_once(
    client: httpx.AsyncClient,
    ingest: Ingest,
    database: FakeDatabase,
    kind: SourceKind,
    secrets: tuple[bytes, ...],
) -> None:
    of = made(database, kind)
    await _known_with(secrets, of, database, ingest)

    answer = await post(client, of, BODIES[kind])

    assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
    failures = ingest.metrics.ingest_auth_failures.labels("signature_wrong")
    assert failures._value.get() == 0


async def test_many_wrong_secrets_at_once_share_their_reads(
    client: httpx.AsyncClient, ingest: Ingest, database: FakeDatabase, event_log: ListLog
) -> None:
    of = made(database, SourceKind.STANDARD_WEBHOOKS)
    # With the pause between reads that a service has.
    ingest.sources = SourceRegistry(database.load_sources)
    database.sources = [replace(of, secrets=(OLD,))]
    assert await ingest.sources.refresh()
    before = ingest.sources.generation

    answers = await asyncio.gather(
        *(post(client, of, BODIES[SourceKind.STANDARD_WEBHOOKS]) for _ in range(20))
    )

    assert {answer.status_code for answer in answers} == {401}
    assert event_log.records == []
    assert ingest.sources.generation - before <= 2


async def test_a_wrong_secret_is_refused_while_the_database_is_away(
    client: httpx.AsyncClient, ingest: Ingest, database: FakeDatabase
) -> None:
    of = made(database, SourceKind.STANDARD_WEBHOOKS)
    await _known_with((OLD,), of, database, ingest)
    database.is_away = True

    answer = await post(client, of, BODIES[SourceKind.STANDARD_WEBHOOKS])

    assert answer.status_code == 401
