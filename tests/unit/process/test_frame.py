"""The frame of a process, each case in a process of its own: exit code, message, signal, collector."""

import os
import signal
import subprocess
import sys

import pytest

from tests.conftest import ROOT

_PRELUDE = """
import asyncio, gc, os, signal
from shared.errors import FatalError, LogUnavailable
from shared.process.frame import run_service
from shared.settings import CommonSettings

async def work(settings, listener, stop):
    {body}

raise SystemExit(run_service("ingest", CommonSettings, work))
"""


def _run(body: str, **environ: str) -> tuple[int, str, str]:
    environ = {
        "PATH": os.environ["PATH"],
        "STAGELINE_DATABASE_URL": "postgresql://stageline@db.example/stageline",
        "STAGELINE_PORT": "0",
        "STAGELINE_LOG_LEVEL": "WARNING",
    } | environ
    done = subprocess.run(  # noqa: S603 - the code stands in this file
        [sys.executable, "-c", _PRELUDE.format(body=body.replace("\n", "\n    "))],
        cwd=ROOT,
        env=environ,
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_with_0(number: signal.Signals) -> None:
    code, out, err = _run(f"os.kill(os.getpid(), {int(number)})\nawait stop.wait()\nprint('ended')")

    assert (code, out, err) == (0, "ended\n", "")


@pytest.mark.parametrize(
    "body",
    [
        "raise FatalError('the log was cut')",
        "raise LogUnavailable('the log was cut')",
        "async with asyncio.TaskGroup() as group:\n    raise FatalError('the log was cut')",
        "raise ExceptionGroup('', [ValueError('no such table'), FatalError('the log was cut')])",
    ],
)
def test_a_fatal_fault_is_one_line_and_exit_code_1(body: str) -> None:
    code, _, err = _run(body)

    assert (code, err) == (1, "stageline ingest: the log was cut\n")


def test_a_fault_that_was_not_foreseen_keeps_its_traceback() -> None:
    code, _, err = _run("raise ZeroDivisionError")

    assert code == 1
    assert "Traceback" in err


def test_wrong_settings_are_named_and_exit_code_1() -> None:
    code, _, err = _run("pass", STAGELINE_PORT="x")

    assert code == 1
    assert err.startswith("stageline ingest: cannot start, the configuration is wrong:\n")
    assert "STAGELINE_PORT" in err


def test_the_collector_is_tuned_in_every_process() -> None:
    code, out, _ = _run("print(gc.get_threshold()[0], gc.get_freeze_count() > 0)")

    assert (code, out) == (0, "50000 True\n")


def test_a_misspelt_variable_is_named_at_the_start() -> None:
    code, _, err = _run("print('ended')", STAGELINE_PROT="9000")

    assert code == 0
    assert "STAGELINE_PROT" in err
    assert "STAGELINE_PORT" in err
