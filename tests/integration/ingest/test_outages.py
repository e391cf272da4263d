"""Ingest while what it stands on is away."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import make_url

from deploy.dev.kafka import LocalKafka
from shared.contracts.envelope import decode
from shared.contracts.message_ids import as_sent
from shared.contracts.topics import TOUCHPOINTS
from tests.integration.ingest.server import Response, Server, serving, stored
from tests.support.database import execute, fresh_database
from tests.support.eventually import eventually

PATH = "/v1/touchpoints"


def event(message_id: str) -> bytes:
    return json.dumps({"event": "A", "user_id": "u", "message_id": message_id}).encode()


@pytest.fixture
async def keys_url(postgres_url: str, template_database: str) -> AsyncIterator[str]:
    """Another database, for the keys alone, so that it can go while the log stays."""
    async with fresh_database(postgres_url, template=template_database) as url:
        yield url


async def test_known_keys_post_on_while_their_database_is_gone(
    postgres_url: str, database_url: str, keys_url: str
) -> None:
    unknown = [("Authorization", f"Bearer sl_wk_0123456789ab_{'0' * 48}")]
    async with serving(database_url, keys_url=keys_url) as server:
        before = await server.post(PATH, event("before"))
        name = make_url(keys_url).database
        await execute(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)')
        refreshed = await server.ingest.keys.refresh()
        during = await server.post(PATH, event("during"))
        stranger = await server.send(
            b"POST /v1/track HTTP/1.1\r\nHost: ingest\r\nContent-Length: 2\r\n"
            + "".join(f"{name}: {value}\r\n" for name, value in unknown).encode()
            + b"\r\n{}"
        )

    assert not refreshed
    assert (before.status, during.status) == (202, 202)
    assert (stranger.status, json.loads(stranger.body)["code"]) == (503, "keys_unavailable")
    assert {as_sent(envelope.message_id) for envelope in await stored(database_url)} == {
        "before",
        "during",
    }


async def test_a_log_that_is_away_is_a_503_in_time_and_recovers_by_itself(
    postgres_url: str, database_url: str, keys_url: str
) -> None:
    name = make_url(database_url).database
    async with serving(database_url, keys_url=keys_url, log_timeout_seconds=1.0) as server:
        first = await server.post(PATH, event("first"))
        await execute(postgres_url, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        await execute(
            postgres_url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
            name,
        )
        async with asyncio.timeout(5):
            away = await server.post(PATH, event("second"))
        await execute(postgres_url, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        again = await eventually(lambda: _accepted(server, "second"))

    assert first.status == 202
    assert (away.status, json.loads(away.body)["code"]) == (503, "log_unavailable")
    assert int(away.headers["retry-after"]) >= 1
    assert again is not None
    assert {as_sent(envelope.message_id) for envelope in await stored(database_url)} == {
        "first",
        "second",
    }


async def test_a_paused_broker_is_a_503_in_time_and_nothing_acknowledged_is_lost(
    database_url: str, own_kafka: LocalKafka
) -> None:
    async with serving(
        database_url,
        event_log="kafka",
        kafka_bootstrap=own_kafka.bootstrap,
        log_timeout_seconds=1.0,
        partitions=2,
    ) as server:
        accepted = {f"m{n}" for n in range(20)}
        before = await asyncio.gather(*(server.post(PATH, event(m)) for m in sorted(accepted)))
        own_kafka.pause()
        try:
            async with asyncio.timeout(5):
                away = await server.post(PATH, event("late"))
        finally:
            own_kafka.resume()
        again = await eventually(lambda: _accepted(server, "late"), within=30)

        assert {answer.status for answer in before} == {202}
        assert (away.status, away.headers["retry-after"]) == (503, "2")
        assert again is not None
        assert accepted | {"late"} <= await _in_kafka(own_kafka.bootstrap)


async def _accepted(server: Server, message_id: str) -> Response | None:
    answer = await server.post(PATH, event(message_id))
    return answer if answer.status == 202 else None


async def _in_kafka(bootstrap: str) -> set[str]:
    """Message ids of everything in the topic."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(TOUCHPOINTS, number) for number in range(2)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        wanted = sum((await consumer.end_offsets(partitions)).values())
        message_ids: list[str] = []
        async with asyncio.timeout(10):
            while len(message_ids) < wanted:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    message_ids += [as_sent(decode(record.value).message_id) for record in records]
    finally:
        await consumer.stop()
    return set(message_ids)
