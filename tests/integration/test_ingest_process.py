"""The process itself: configured by the environment, stopped by a signal."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from tests.integration.ingest_server import make_key, stored
from tests.support.eventually import eventually


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """An ingest process that is ready."""

    process: asyncio.subprocess.Process
    client: httpx.AsyncClient


@asynccontextmanager
async def running(database_url: str, **environment: str) -> AsyncIterator[Running]:
    """Start `python -m services.ingest` and wait until it is ready."""
    port = _free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.ingest",
        env=_environment(database_url, port) | environment,
        stderr=asyncio.subprocess.PIPE,
    )
    token = await make_key(database_url)
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=15
        ) as client:
            await eventually(lambda: _status(client, "/readyz", 200), within=20)
            yield Running(process=process, client=client)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def test_a_stop_under_load_fails_no_request_and_loses_no_event(database_url: str) -> None:
    """Senders go on until readiness says stop, as behind a balancer; what is under way then ends."""
    accepted: list[str] = []
    last_answers: list[tuple[int, str]] = []
    unready = asyncio.Event()
    async with running(database_url, STAGELINE_UNREADY_SECONDS="2") as ingest:

        async def post(sender: int) -> None:
            number = 0
            is_last = False
            while not is_last:
                number += 1
                is_last = unready.is_set()
                message_id = f"{sender}-{number}"
                body = {"event": "A", "user_id": "u", "message_id": message_id}
                answer = await ingest.client.post("/v1/touchpoints", json=body)
                assert answer.status_code == 202
                accepted.append(message_id)
            last_answers.append((answer.status_code, answer.headers["connection"]))

        async with asyncio.TaskGroup() as group:
            for sender in range(8):
                group.create_task(post(sender))
            await eventually(lambda: _is(len(accepted) > 50))
            ingest.process.send_signal(signal.SIGTERM)
            await eventually(lambda: _status(ingest.client, "/readyz", 503))
            unready.set()
        async with asyncio.timeout(15):
            code = await ingest.process.wait()

    assert code == 0
    assert last_answers == [(202, "close")] * 8
    assert {envelope.message_id for envelope in await stored(database_url)} == set(accepted)


async def test_a_wrong_configuration_is_a_sentence_and_a_failure(database_url: str) -> None:
    environment = _environment(database_url, 0) | {"STAGELINE_MAX_EVENTS": "many"}

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.ingest", env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()

    assert process.returncode == 1
    assert b"STAGELINE_MAX_EVENTS" in errors
    assert b"Traceback" not in errors
    assert b"many" not in errors


async def test_a_port_in_use_is_a_sentence_and_a_failure(database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port: int = other.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.ingest",
            env=_environment(database_url, port),
            stderr=asyncio.subprocess.PIPE,
        )
        _, errors = await process.communicate()

    assert process.returncode == 1
    assert b"is not free" in errors
    assert b"Traceback" not in errors


async def test_it_waits_for_a_log_that_comes_up_later(postgres_url: str) -> None:
    """A database that is not there yet is no reason to die; a signal still ends the waiting."""
    nowhere = postgres_url.rsplit("/", 1)[0] + "/not_there_yet"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.ingest",
        env=_environment(nowhere, 0),
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    async with asyncio.timeout(15):
        while b"event_log_unavailable" not in await process.stderr.readline():
            assert process.returncode is None
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        await process.communicate()

    assert process.returncode == 0


def _environment(database_url: str, port: int) -> dict[str, str]:
    return os.environ | {
        "STAGELINE_DATABASE_URL": database_url,
        "STAGELINE_EVENT_LOG": "postgres",
        "STAGELINE_PORT": str(port),
        "STAGELINE_LOG_FORMAT": "json",
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


async def _status(client: httpx.AsyncClient, path: str, wanted: int) -> bool:
    return (await client.get(path)).status_code == wanted


async def _is(truth: bool) -> bool:  # noqa: FBT001 - the truth itself
    return truth
