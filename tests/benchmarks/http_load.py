"""Closed-loop HTTP load: wrk where it is installed, else a raw-socket client of our own.

The own client has an event loop of its own, but is Python: its figures are lower bounds.
"""

import asyncio
import base64
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

_UNITS_IN_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a run of requests came to."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    failed: int
    cpu_us_per_request: float
    """Processor time of the serving process, whatever else the machine was doing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where and what to post, and whose processor time to watch."""

    port: int
    path: str
    token: str
    body: bytes
    pid: int
    has_basic_key: bool = False
    """The key is the user of Basic authentication, as SDKs send it, and no bearer."""

    @property
    def authorization(self) -> str:
        """Value of the header."""
        if self.has_basic_key:
            return f"Basic {base64.b64encode(f'{self.token}:'.encode()).decode()}"
        return f"Bearer {self.token}"


def drive(target: Target, *, seconds: float, connections: int) -> Load:
    """Post the body again and again; blocks for `seconds`."""
    cpu_before, began = _cpu_seconds(target.pid), monotonic()
    if shutil.which("wrk"):
        rate, p50, p99, failed = _wrk(target, seconds, connections)
    else:
        rate, p50, p99, failed = asyncio.run(_sockets(target, seconds, connections))
    cpu = _cpu_seconds(target.pid) - cpu_before
    requests = rate * (monotonic() - began)
    return Load(
        requests_per_second=rate,
        p50_ms=p50,
        p99_ms=p99,
        failed=failed,
        cpu_us_per_request=cpu / requests * 1e6 if requests else 0.0,
    )


def together(loads: Sequence[Load]) -> Load:
    """Runs of the same target, equally long, as one: means, and the worst of the tails."""
    times = len(loads)
    return Load(
        requests_per_second=sum(load.requests_per_second for load in loads) / times,
        p50_ms=sum(load.p50_ms for load in loads) / times,
        p99_ms=max(load.p99_ms for load in loads),
        failed=sum(load.failed for load in loads),
        cpu_us_per_request=sum(load.cpu_us_per_request for load in loads) / times,
    )


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _wrk(target: Target, seconds: float, connections: int) -> tuple[float, float, float, int]:
    with tempfile.TemporaryDirectory() as folder:
        body = Path(folder, "body")
        body.write_bytes(target.body)
        script = Path(folder, "post.lua")
        script.write_text(
            f'local file = io.open("{body}", "rb")\n'
            'wrk.method = "POST"\nwrk.body = file:read("*all")\n'
            f'wrk.headers["Authorization"] = "{target.authorization}"\n'
            'wrk.headers["Content-Type"] = "application/json"\n'
        )
        run = subprocess.run(  # noqa: S603 - our own command line
            [
                shutil.which("wrk") or "wrk", "-t1", f"-c{connections}", f"-d{int(seconds)}s",
                "--latency", "-s", str(script), f"http://127.0.0.1:{target.port}{target.path}",
            ],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    rate = re.search(r"Requests/sec:\s+([\d.]+)", run.stdout)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", run.stdout)
    return (
        float(rate[1]) if rate else 0.0,
        _percentile(run.stdout, "50%"),
        _percentile(run.stdout, "99%"),
        int(failed[1]) if failed else 0,
    )


def _percentile(output: str, name: str) -> float:
    match = re.search(rf"{name}\s+([\d.]+)(us|ms|s|m)\b", output)
    return float(match[1]) * _UNITS_IN_MS[match[2]] if match else 0.0


async def _sockets(
    target: Target, seconds: float, connections: int
) -> tuple[float, float, float, int]:
    head = (
        f"POST {target.path} HTTP/1.1\r\nHost: bench\r\nAuthorization: {target.authorization}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(target.body)}\r\n\r\n"
    )
    request = head.encode() + target.body
    times: list[float] = []
    failed = 0
    end = monotonic() + seconds

    async def send() -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        while monotonic() < end:
            began = monotonic()
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", answer)
            if length:
                await reader.readexactly(int(length[1]))
            times.append(monotonic() - began)
            failed += not answer.startswith(b"HTTP/1.1 2")
        writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(send())
    times.sort()
    middle, tail = times[len(times) // 2], times[int(len(times) * 0.99)]
    return len(times) / seconds, middle * 1000, tail * 1000, failed


async def post_all(
    port: int, path: str, token: str, bodies: Sequence[bytes], *, connections: int
) -> None:
    """Post each body once, a 503 again until it is taken; raises on any other refusal."""
    waiting = iter(bodies)

    async def send() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for body in waiting:
            head = (
                f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            ).encode()
            while True:
                writer.write(head + body)
                answer = await reader.readuntil(b"\r\n\r\n")
                if length := re.search(rb"content-length: (\d+)", answer):
                    await reader.readexactly(int(length[1]))
                if answer.startswith(b"HTTP/1.1 2"):
                    break
                if not answer.startswith(b"HTTP/1.1 503"):
                    raise SystemExit(answer.decode())
                await asyncio.sleep(0.05)
        writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(send())
