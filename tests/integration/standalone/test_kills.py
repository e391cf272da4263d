"""Kills and Ctrl-C at any instant of a first start: the next start works."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

import psutil
import pytest

from services.standalone.postgres import EmbeddedPostgres
from tests.conftest import ROOT
from tests.support.database import connected
from tests.support.folders import postgres_folder
from tests.support.standalone import starting

INSTANTS = 20
STARTS = 6

FIRST_START = """
import sys, time
from pathlib import Path
from services.standalone.postgres import EmbeddedPostgres
try:
    print("begun", flush=True)
    with EmbeddedPostgres(Path(sys.argv[1]), durable=False):
        print("ready", flush=True)
        time.sleep(600)
except KeyboardInterrupt:
    print("stopped", flush=True)
"""


def begun(data: Path) -> "subprocess.Popen[str]":
    """A process that starts a server, just before it does so."""
    process = subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-c", FIRST_START, str(data)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def servers_of(folder: Path) -> list[int]:
    """Process ids of servers with their data in `folder`."""
    return [
        process.pid
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "postgres"
        and any(each.startswith(str(folder)) for each in process.info["cmdline"] or ())
    ]


@pytest.fixture(scope="module")
def first_start_seconds() -> float:
    """How long a first start takes on this machine, from the first line to a ready server."""
    with postgres_folder() as folder, begun(folder / "pg") as process:
        began_at = monotonic()
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        seconds = monotonic() - began_at
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
    return seconds


@pytest.mark.parametrize("instant", range(INSTANTS))
async def test_a_database_whose_first_start_was_ended_at_any_instant_starts_again(
    instant: int, first_start_seconds: float
) -> None:
    ending = signal.SIGKILL if instant % 2 else signal.SIGINT
    with postgres_folder() as folder:
        data = folder / "pg"
        with begun(data) as process:
            await asyncio.sleep(first_start_seconds * instant / INSTANTS)
            os.killpg(process.pid, ending)
            output, _ = process.communicate(timeout=60)

        if ending is signal.SIGINT:
            assert output.endswith("stopped\n")
            assert servers_of(folder) == []
        with EmbeddedPostgres(data, durable=False) as server:
            async with connected(server.url) as connection:
                assert await connection.fetchval("SELECT 1") == 1
        assert sorted(path.name for path in folder.iterdir() if "new" in path.name) == []
        assert servers_of(folder) == []


@pytest.fixture(scope="module")
def whole_start_seconds() -> float:
    """How long a first `make run` without its sample takes on this machine."""
    with TemporaryDirectory(prefix="stageline-") as name:
        Path(name).chmod(0o711)
        with starting(Path(name)) as start:
            began_at = monotonic()
            start(STAGELINE_SAMPLE="false").wait_ready()
            return monotonic() - began_at


@pytest.mark.parametrize("instant", range(STARTS))
def test_a_first_run_ended_at_any_instant_says_so_without_a_traceback_and_runs_the_next_time(
    instant: int, whole_start_seconds: float
) -> None:
    with TemporaryDirectory(prefix="stageline-") as name:
        Path(name).chmod(0o711)
        with starting(Path(name)) as start:
            first = start(STAGELINE_SAMPLE="false")
            sleep(max(0.15, whole_start_seconds * instant / STARTS))
            if instant % 2:
                first.kill()
            else:
                assert first.stop() == 0
                assert "Stopped" in first.output()
            assert "Traceback" not in first.output()

            second = start(STAGELINE_SAMPLE="false")
            second.wait_ready()

            assert second.get("/v1/accounts")["items"] == []
            assert second.stop() == 0
