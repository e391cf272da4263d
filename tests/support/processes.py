"""The services as processes of their own, started as a supervisor would start them."""

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import httpx

from tests.support.eventually import eventually

_PORTS = range(20_000, 32_000)
"""Below the range from which systems take the ports of outgoing connections: while a service is down,
a client that tries again could otherwise be given the service's own port, and keep it."""

_READY_SECONDS = 60.0
_STOP_SECONDS = 30.0


def free_port() -> int:
    """A port on which no socket listens now, and which no outgoing connection is given."""
    for port in secrets.SystemRandom().sample(_PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    message = f"no free port from {_PORTS.start} to {_PORTS.stop}"
    raise AssertionError(message)


class ServiceProcess:
    """`python -m services.<service>`; whatever runs at the end of `async with` is killed."""

    def __init__(
        self,
        service: str,
        environ: Mapping[str, str],
        folder: Path,
        *,
        port: int | None = None,
    ) -> None:
        """`environ` is laid over ours, without our settings; the output goes to a file in `folder`."""
        self.service = service
        self.port = free_port() if port is None else port
        self.url = f"http://127.0.0.1:{self.port}"
        self._environ = {k: v for k, v in os.environ.items() if not k.startswith("STAGELINE_")}
        self._environ |= {
            "STAGELINE_PORT": str(self.port),
            "STAGELINE_LOG_FORMAT": "json",
            **environ,
        }
        self._log_file = folder / f"{service}.log"
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        """Start it; it is not ready yet."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave no process behind, whatever the test came to."""
        if self.process.returncode is None:
            await self.kill()

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The newest start of it."""
        assert self._process is not None
        return self._process

    async def start(self) -> None:
        """Start it, for the first time or again on the same port."""
        with self._log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", f"services.{self.service}"),
                env=self._environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def wait_ready(self) -> None:
        """Return once /readyz answers 200."""
        async with httpx.AsyncClient(base_url=self.url, timeout=5) as client:

            async def is_ready() -> bool:
                if self.process.returncode is not None:
                    return True
                return (await client.get("/readyz")).is_success

            await eventually(is_ready, within=_READY_SECONDS, every=0.05)
        self.check()

    def check(self) -> None:
        """Fail with the end of its output if it has ended by itself."""
        assert self.process.returncode is None, self.output()[-3000:]

    def output(self) -> str:
        """What it has written so far, of all its starts."""
        return self._log_file.read_text("utf-8", "replace")

    async def ended(self) -> int:
        """Exit code, once it has ended; fails after half a minute."""
        async with asyncio.timeout(_STOP_SECONDS):
            return await self.process.wait()

    async def stop(self) -> int:
        """Ask it to end, and wait; its exit code."""
        self.check()
        self.process.send_signal(signal.SIGTERM)
        return await self.ended()

    async def kill(self) -> None:
        """Kill it as a crash would: what is under way has no answer."""
        self.process.kill()
        await self.process.wait()
