"""The server SDKs: how each is started, and its public options for a short test."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from tests.conftest import ROOT
from tests.support import machine

Family = Literal["segment", "posthog"]
Call = tuple[str, dict[str, Any]]

_RUN_SECONDS = 150.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sdk:
    """One SDK in its own language; `name` is its package."""

    name: str
    language: Literal["python", "node"]
    driver: str
    family: Family
    options: dict[str, Any]
    patient: dict[str, Any] = field(default_factory=dict)
    """Options beside which its default gives events up sooner than an outage of half a minute ends."""
    tells_given_times: bool = False
    """It sends a time that the program gave beside its own clock's: the service takes it as it is."""
    environ: dict[str, str] = field(default_factory=dict)
    """What it reads from its environment."""
    keeps_sent_at: bool = False
    """A repeated request still names the first attempt's time as `sentAt`: to the service, the wait
    looks like an error of the sender's clock."""

    def command(self) -> list[str]:
        """Its command line."""
        if self.language == "python":
            return [sys.executable, "-m", "tests.compat.python", self.driver]
        return [str(machine.node()), str(machine.NODE_FOLDER / f"{self.driver}.mjs")]


SEGMENT_PYTHON = Sdk(
    name="segment-analytics-python",
    language="python",
    driver="segment",
    family="segment",
    options={"upload_interval": 0.1, "upload_size": 10, "timeout": 8},
)
RUDDER_PYTHON = Sdk(
    name="rudder-sdk-python",
    language="python",
    driver="rudder",
    family="segment",
    options={"upload_interval": 0.1, "upload_size": 10, "timeout": 8},
)
POSTHOG_PYTHON = Sdk(
    name="posthog",
    language="python",
    driver="posthog",
    family="posthog",
    options={"flush_interval": 0.1, "flush_at": 10, "timeout": 8},
    patient={"max_retries": 10},
)
SEGMENT_NODE = Sdk(
    name="@segment/analytics-node",
    language="node",
    driver="segment",
    family="segment",
    options={"flushInterval": 100, "flushAt": 10, "httpRequestTimeout": 8000},
)
RUDDER_NODE = Sdk(
    name="@rudderstack/rudder-sdk-node",
    language="node",
    driver="rudder",
    family="segment",
    options={"flushInterval": 100, "flushAt": 10},
    patient={"retryCount": 10},
    tells_given_times=True,
    keeps_sent_at=True,
)
POSTHOG_NODE = Sdk(
    name="posthog-node",
    language="node",
    driver="posthog",
    family="posthog",
    options={"flushInterval": 100, "flushAt": 10, "fetchRetryDelay": 1000},
    patient={"fetchRetryCount": 60},
    keeps_sent_at=True,
)
ALL: Sequence[Sdk] = (
    SEGMENT_PYTHON, RUDDER_PYTHON, POSTHOG_PYTHON, SEGMENT_NODE, RUDDER_NODE, POSTHOG_NODE,
)  # fmt: skip

_V1 = {"POSTHOG_CAPTURE_MODE": "v1"}
POSTHOG_V1: Sequence[Sdk] = (
    replace(POSTHOG_PYTHON, name="posthog (v1)", environ=_V1),
    replace(POSTHOG_NODE, name="posthog-node (v1)", environ=_V1, keeps_sent_at=False),
)
"""By PostHog's newest call, which has an answer for each event and a time for each attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a run left: errors that the SDK reported, and when each call was made, by a right clock."""

    errors: list[str]
    called_at: list[tuple[datetime, datetime]]
    """Beginning and end: a first call may take its time."""

    def lateness(self, number: int, occurred_at: datetime) -> timedelta:
        """How long after the call `occurred_at` lies; below zero before it, zero while it was made."""
        began_at, ended_at = self.called_at[number]
        return occurred_at - min(max(occurred_at, began_at), ended_at)


class Run:
    """An SDK at work in a process of its own."""

    def __init__(self, sdk: Sdk, process: Process) -> None:
        """Made by `started`."""
        self._sdk = sdk
        self._process = process

    async def go_on(self) -> None:
        """Let it make the calls of the next part."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        await self._process.stdin.drain()

    async def finished(self) -> Played:
        """Wait until the SDK has delivered everything, or given it up."""
        async with asyncio.timeout(_RUN_SECONDS):
            out, err = await self._process.communicate()
        code, stderr = self._process.returncode, err.decode("utf-8", "replace")
        assert code == 0, f"{self._sdk.name} ended with {code}:\n{stderr[-3000:]}"
        report = json.loads(out)
        called_at = [
            (datetime.fromisoformat(began), datetime.fromisoformat(ended))
            for began, ended in report["called_at"]
        ]
        return Played(errors=report["errors"], called_at=called_at)


@asynccontextmanager
async def started(
    sdk: Sdk,
    *parts: Sequence[Call],
    host: str,
    write_key: str,
    clock_seconds: float = 0.0,
    pause_seconds: float = 0.0,
    options: dict[str, Any] | None = None,
) -> AsyncIterator[Run]:
    """The SDK, making the calls of the first part; it waits for `go_on` before each further one."""
    task = {
        "host": host,
        "write_key": write_key,
        "options": sdk.options | (options or {}),
        "clock_seconds": clock_seconds,
        "pause_seconds": pause_seconds,
        "parts": [[_spelled(sdk, call) for call in part] for part in parts],
    }
    process = await asyncio.create_subprocess_exec(
        *sdk.command(),
        cwd=ROOT,
        env=os.environ | sdk.environ,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(task).encode() + b"\n")
        await process.stdin.drain()
        yield Run(sdk, process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def play(
    sdk: Sdk,
    calls: Sequence[Call],
    *,
    host: str,
    write_key: str,
    clock_seconds: float = 0.0,
) -> Played:
    """Give the calls to the SDK and wait until it has delivered."""
    async with started(
        sdk, calls, host=host, write_key=write_key, clock_seconds=clock_seconds
    ) as run:
        return await run.finished()


def _spelled(sdk: Sdk, call: Call) -> Call:
    """The call in the words of its language: JavaScript's names are in camel case."""
    method, arguments = call
    if sdk.language == "python":
        return call
    return _camel(method), {_camel(name): value for name, value in arguments.items()}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
