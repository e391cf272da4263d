"""The process itself: configured by the environment, stopped by a signal."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from shared.contracts.message_ids import as_sent
from tests.integration.ingest.server import make_key, stored
from tests.support.eventually import eventually
from tests.support.processes import ServiceProcess


@asynccontextmanager
async def running(
    database_url: str, folder: Path, **environment: str
) -> AsyncIterator[tuple[ServiceProcess, httpx.AsyncClient]]:
    """An ingest process that is ready, and a client with a write key."""
    headers = {"Authorization": f"Bearer {await make_key(database_url)}"}
    async with ServiceProcess("ingest", settings_of(database_url) | environment, folder) as ingest:
        await ingest.wait_ready()
        async with httpx.AsyncClient(base_url=ingest.url, headers=headers, timeout=15) as client:
            yield ingest, client


def settings_of(database_url: str) -> dict[str, str]:
    return {"STAGELINE_DATABASE_URL": database_url, "STAGELINE_EVENT_LOG": "postgres"}


async def test_a_stop_under_load_fails_no_request_and_loses_no_event(
    database_url: str, tmp_path: Path
) -> None:
    """Senders go on until readiness says stop, as behind a balancer; what is under way then ends."""
    accepted: list[str] = []
    last_answers: list[tuple[int, str]] = []
    unready = asyncio.Event()
    async with running(database_url, tmp_path, STAGELINE_UNREADY_SECONDS="2") as (ingest, client):

        async def post(sender: int) -> None:
            number = 0
            is_last = False
            while not is_last:
                number += 1
                is_last = unready.is_set()
                message_id = f"{sender}-{number}"
                body = {"event": "A", "user_id": "u", "message_id": message_id}
                answer = await client.post("/v1/touchpoints", json=body)
                assert answer.status_code == 202
                accepted.append(message_id)
            last_answers.append((answer.status_code, answer.headers["connection"]))

        async with asyncio.TaskGroup() as group:
            for sender in range(8):
                group.create_task(post(sender))
            await eventually(lambda: _is(len(accepted) > 50))
            ingest.process.send_signal(signal.SIGTERM)
            await eventually(lambda: _status(client, "/readyz", 503))
            unready.set()
        code = await ingest.ended()

    assert code == 0
    assert last_answers == [(202, "close")] * 8
    assert {as_sent(envelope.message_id) for envelope in await stored(database_url)} == set(
        accepted
    )


async def test_a_wrong_configuration_is_a_sentence_and_a_failure(
    database_url: str, tmp_path: Path
) -> None:
    environment = settings_of(database_url) | {"STAGELINE_MAX_EVENTS": "many"}

    async with ServiceProcess("ingest", environment, tmp_path) as ingest:
        code = await ingest.ended()

    assert code == 1
    assert "STAGELINE_MAX_EVENTS" in ingest.output()
    assert "Traceback" not in ingest.output()
    assert "many" not in ingest.output()


async def test_a_port_in_use_is_a_sentence_and_a_failure(database_url: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port: int = other.getsockname()[1]
        environment = settings_of(database_url)
        async with ServiceProcess("ingest", environment, tmp_path, port=port) as ingest:
            code = await ingest.ended()

    assert code == 1
    assert "is not free" in ingest.output()
    assert "Traceback" not in ingest.output()


async def test_it_waits_for_a_log_that_comes_up_later(postgres_url: str, tmp_path: Path) -> None:
    """A database that is not there yet is no reason to die; a signal still ends the waiting."""
    nowhere = postgres_url.rsplit("/", 1)[0] + "/not_there_yet"
    async with ServiceProcess("ingest", settings_of(nowhere), tmp_path) as ingest:

        async def waits() -> bool:
            ingest.check()
            return "event_log_unavailable" in ingest.output()

        await eventually(waits, within=30)
        code = await ingest.stop()

    assert code == 0


async def _status(client: httpx.AsyncClient, path: str, wanted: int) -> bool:
    return (await client.get(path)).status_code == wanted


async def _is(truth: bool) -> bool:  # noqa: FBT001 - the truth itself
    return truth
