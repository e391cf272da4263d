"""Signals before an event loop serves, each case in a process of its own: none is lost."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT

_PRELUDE = """
import asyncio, os, signal
from shared.process.frame import run_until_stopped
from shared.process.interrupts import Interrupts

try:
    with Interrupts() as interrupts:
        {body}
        print("went on")
except KeyboardInterrupt:
    print("stopped")
os.kill(os.getpid(), signal.SIGINT)
os.kill(os.getpid(), signal.SIGTERM)
print("ended")
"""


def _printed(body: str, number: int = 0) -> list[str]:
    body = body.replace("NUMBER", str(int(number))).replace("\n", "\n        ")
    done = subprocess.run(  # noqa: S603 - the code stands in this file
        [sys.executable, "-c", _PRELUDE.format(body=body)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


SWALLOWED_BY_A_DESTRUCTOR = """
class Noisy:
    def __del__(self):
        os.kill(os.getpid(), NUMBER)
        sum(range(10_000))
Noisy()
print("lost for the moment")
"""

SWALLOWED_BY_A_COROUTINE = """
async def deaf():
    os.kill(os.getpid(), NUMBER)
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        print("lost for the moment")
interrupts.run(deaf())
"""


@pytest.mark.parametrize("number", [2, 15])
def test_a_signal_raises_where_it_finds_the_program(number: int) -> None:
    assert _printed("os.kill(os.getpid(), NUMBER)\nsum(range(10_000))", number) == [
        "stopped",
        "ended",
    ]


@pytest.mark.parametrize("number", [2, 15])
def test_a_signal_whose_exception_was_swallowed_is_found_by_the_next_check(number: int) -> None:
    assert _printed(SWALLOWED_BY_A_DESTRUCTOR + "interrupts.check()", number) == [
        "lost for the moment",
        "stopped",
        "ended",
    ]


@pytest.mark.parametrize("number", [2, 15])
def test_a_signal_whose_cancellation_was_swallowed_ends_the_run(number: int) -> None:
    assert _printed(SWALLOWED_BY_A_COROUTINE, number) == [
        "lost for the moment",
        "stopped",
        "ended",
    ]


@pytest.mark.parametrize("number", [2, 15])
def test_a_signal_that_was_lost_before_the_event_loop_stops_it_at_once(number: int) -> None:
    serving = "async def work(stop):\n    await stop.wait()\n    print('clean stop')\n"

    assert _printed(
        SWALLOWED_BY_A_DESTRUCTOR + serving + "run_until_stopped(work, interrupts)", number
    ) == ["lost for the moment", "clean stop", "went on", "ended"]


def test_without_a_signal_the_result_of_the_coroutine_comes_back() -> None:
    body = "async def three():\n    return 3\nprint(interrupts.run(three()))"

    assert _printed(body) == ["3", "went on", "ended"]


def test_a_coroutine_that_ends_itself_by_a_cancellation_is_no_signal() -> None:
    body = (
        "async def given_up():\n    raise asyncio.CancelledError\n"
        "try:\n    interrupts.run(given_up())\nexcept asyncio.CancelledError:\n    print('given up')"
    )

    assert _printed(body) == ["given up", "went on", "ended"]
