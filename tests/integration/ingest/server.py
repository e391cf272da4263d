"""A real ingest on a free port, within this process, and a client that may send anything."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from services.ingest.app import create_app
from services.ingest.compose import composed
from services.ingest.intake import Ingest
from services.ingest.settings import IngestSettings
from shared.clock import SystemClock
from shared.contracts.envelope import Envelope, decode
from shared.contracts.topics import TOUCHPOINTS
from shared.eventlog.factory import ensure_topics, open_writer
from shared.http.server import serve
from shared.ids import DEFAULT_WORKSPACE
from shared.keys.token import KeyKind
from shared.process.listener import bind
from shared.storage import keys
from shared.telemetry.metrics import Metrics
from tests.support.database import connected, owner_transaction
from tests.support.eventually import eventually


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer taken apart, and whole as it came."""

    status: int
    headers: dict[str, str]
    body: bytes
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running ingest."""

    port: int
    ingest: Ingest
    write_key: str

    async def send(self, *parts: bytes, pause_seconds: float = 0.0, answers: int = 1) -> Response:
        """Send bytes as they are, with pauses between the parts; the last of so many answers."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(15), asyncio.TaskGroup() as group:
                answer = group.create_task(_responses(reader, answers))
                for part in parts:
                    if answer.done():
                        break  # given up on us: the connection is closed
                    writer.write(part)
                    await asyncio.sleep(pause_seconds)
            return answer.result()
        finally:
            writer.close()

    async def listens(self) -> bool:
        """Whether the port is open."""
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.close()
        return True

    def head(
        self, path: str, headers: Sequence[tuple[str, str]] = (), *, length: int | None = None
    ) -> bytes:
        """Request line and headers, authenticated."""
        lines = [
            f"POST {path} HTTP/1.1",
            "Host: ingest",
            f"Authorization: Bearer {self.write_key}",
            *(f"{name}: {value}" for name, value in headers),
        ]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        return "\r\n".join([*lines, "", ""]).encode()

    async def post(
        self, path: str, body: bytes, headers: Sequence[tuple[str, str]] = ()
    ) -> Response:
        """Post a body honestly."""
        return await self.send(self.head(path, headers, length=len(body)) + body)


async def _responses(reader: asyncio.StreamReader, answers: int) -> Response:
    for _ in range(answers - 1):
        await _response(reader)
    return await _response(reader)


async def _response(reader: asyncio.StreamReader) -> Response:
    head = await reader.readuntil(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").strip().split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    headers = {name.lower(): value for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Response(status=int(status_line.split()[1]), headers=headers, body=body, raw=head + body)


async def make_key(database_url: str, kind: KeyKind = KeyKind.WRITE) -> str:
    """Token of a new key of the default workspace."""
    async with owner_transaction(database_url) as connection:
        key = await keys.create(
            connection, workspace_id=DEFAULT_WORKSPACE, kind=kind, now=SystemClock().now()
        )
    return key.token


@asynccontextmanager
async def serving(
    database_url: str,
    *,
    keys_url: str | None = None,
    connections: int = 4096,
    **options: object,
) -> AsyncIterator[Server]:
    """Ingest with its keys in `keys_url` and its log in `database_url`, unless `options` say Kafka."""
    options.setdefault("event_log", "postgres")
    settings = IngestSettings.model_validate({"database_url": SecretStr(database_url), **options})
    keys_url = keys_url or database_url
    token = await make_key(keys_url)
    await ensure_topics(settings)
    composition = composed(
        settings.model_copy(update={"database_url": SecretStr(keys_url)}),
        clock=SystemClock(),
        metrics=Metrics(CollectorRegistry()),
        writer=open_writer(settings),
        is_recording=False,
    )
    async with composition as ingest:
        await ingest.writer.start()
        await ingest.keys.refresh()
        await ingest.sources.refresh()
        listener = bind("127.0.0.1", 0)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        app = create_app(ingest)
        task = loop.create_task(
            serve(app, listener, stop, shutdown_seconds=1, max_connections=connections)
        )
        server = Server(port=port_of(listener), ingest=ingest, write_key=token)
        try:
            await eventually(server.listens)
            yield server
        finally:
            stop.set()
            await task


def port_of(listener: socket.socket) -> int:
    """Port that a listener has taken."""
    port: int = listener.getsockname()[1]
    return port


async def stored(database_url: str) -> list[Envelope]:
    """What the Postgres log holds, in order within each partition."""
    async with connected(database_url) as owner:
        rows = await owner.fetch(
            "SELECT record_value FROM log_record WHERE topic = $1"
            " ORDER BY partition, record_offset",
            TOUCHPOINTS,
        )
    return [decode(row["record_value"]) for row in rows]
