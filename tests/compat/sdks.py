"""The server SDKs: how each is started, and its public options for a short test."""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from tests.compat import machine

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
    SEGMENT_PYTHON, RUDDER_PYTHON, SEGMENT_NODE, RUDDER_NODE,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a run left: errors that the SDK reported, and when each call was made, by a right clock."""

    errors: list[str]
    called_at: list[datetime]


async def play(
    sdk: Sdk,
    calls: Sequence[Call],
    *,
    host: str,
    write_key: str,
    clock_seconds: float = 0.0,
    pause_seconds: float = 0.0,
    options: dict[str, Any] | None = None,
) -> Played:
    """Give the calls to the SDK in a process of its own and wait until it has delivered."""
    task = {
        "host": host,
        "write_key": write_key,
        "options": sdk.options | (options or {}),
        "clock_seconds": clock_seconds,
        "pause_seconds": pause_seconds,
        "calls": [_spelled(sdk, call) for call in calls],
    }
    process = await asyncio.create_subprocess_exec(
        *sdk.command(),
        cwd=Path(__file__).parents[2],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_RUN_SECONDS):
            out, err = await process.communicate(json.dumps(task).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    stderr = err.decode("utf-8", "replace")
    assert process.returncode == 0, f"{sdk.name} ended with {process.returncode}:\n{stderr[-3000:]}"
    told = json.loads(out)
    wrong = timedelta(seconds=clock_seconds)
    called_at = [datetime.fromisoformat(each) - wrong for each in told["called_at"]]
    return Played(errors=told["errors"], called_at=called_at)


def _spelled(sdk: Sdk, call: Call) -> Call:
    """The call in the words of its language: JavaScript's names are in camel case."""
    method, arguments = call
    if sdk.language == "python":
        return call
    return _camel(method), {_camel(name): value for name, value in arguments.items()}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
