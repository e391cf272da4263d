"""Runs one Python SDK as a program would: `python -m tests.compat.python SDK`, the task on stdin.

The task is a line of JSON: host, write_key, options of the SDK, clock_seconds (how far this machine's
clock is wrong), pause_seconds (between two calls) and parts: lists of calls, each
`[method, {argument: value}]`. Before each part but the first it waits for another line. Written to
stdout as JSON: errors that the SDK reported, and called_at, beginning and end of each call by a right clock.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine
from time_machine import escape_hatch

Arguments = dict[str, Any]


class Task:
    """What to do; errors are noted here."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.host: str = given["host"]
        self.key: str = given["write_key"]
        self.options: dict[str, Any] = given["options"]
        self.errors: list[str] = []
        self.called_at: list[tuple[str, str]] = []
        self._parts: list[list[tuple[str, Arguments]]] = given["parts"]
        self._pause_seconds: float = given["pause_seconds"]

    def note(self, error: object, *_rest: object) -> None:
        """The SDK reports that it gave something up."""
        self.errors.append(repr(error))

    def play(self, call: Callable[[str, Arguments], object]) -> None:
        """Make the calls, one after the other, part by part."""
        for number, part in enumerate(self._parts):
            if number:
                sys.stdin.readline()
            for method, arguments in part:
                given = {
                    name: datetime.fromisoformat(value) if name == "timestamp" else value
                    for name, value in arguments.items()
                }
                began_at = _now().isoformat()
                call(method, given)
                self.called_at.append((began_at, _now().isoformat()))
                time.sleep(self._pause_seconds)


def _now() -> datetime:
    """The time, whatever clock the SDK is made to see."""
    if escape_hatch.is_travelling():
        return escape_hatch.datetime.datetime.now(UTC)
    return datetime.now(UTC)  # noqa: TID251 - the machine's clock is the matter


@contextmanager
def _wrong_clock(seconds: float) -> Iterator[None]:
    with time_machine.travel(_now() + timedelta(seconds=seconds), tick=True) as clock:
        # Turning it has taken a while.
        seen = datetime.now(UTC)  # noqa: TID251 - the wrong clock is the matter
        clock.shift(timedelta(seconds=seconds) - (seen - _now()))
        yield


def segment(task: Task) -> None:
    """segment-analytics-python."""
    from segment.analytics import Client  # noqa: PLC0415 - each process loads one SDK

    client = Client(task.key, host=task.host, on_error=task.note, **task.options)
    task.play(lambda method, arguments: getattr(client, method)(**arguments))
    client.shutdown()


def rudder(task: Task) -> None:
    """rudder-sdk-python."""
    from rudderstack.analytics.client import Client  # noqa: PLC0415 - as above

    client = Client(task.key, host=task.host, on_error=task.note, **task.options)
    task.play(lambda method, arguments: getattr(client, method)(**arguments))
    client.shutdown()


def posthog(task: Task) -> None:
    """posthog; what other SDKs call identify is `set` in this one."""
    from posthog import Posthog  # noqa: PLC0415 - as above

    client = Posthog(task.key, host=task.host, on_error=task.note, **task.options)
    task.play(lambda method, arguments: getattr(client, method)(**arguments))
    client.shutdown()


SDKS = {"segment": segment, "rudder": rudder, "posthog": posthog}


def main() -> None:
    """Run the SDK that the command line names."""
    given = json.loads(sys.stdin.readline())
    task = Task(given)
    with ExitStack() as stack:
        if given["clock_seconds"]:
            stack.enter_context(_wrong_clock(given["clock_seconds"]))
        SDKS[sys.argv[1]](task)
    json.dump({"errors": task.errors, "called_at": task.called_at}, sys.stdout)


if __name__ == "__main__":
    main()
