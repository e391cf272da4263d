"""Runs one Python SDK as a program would: `python -m tests.compat.python SDK`, the task on stdin.

The task is a line of JSON: host, write_key, options of the SDK, clock_seconds (how far this machine's
clock is wrong), pause_seconds (between two calls) and parts: lists of calls, each
`[method, {argument: value}]`. Before each part but the first it waits for another line. Written to
stdout as JSON: errors that the SDK reported, and called_at, the instant of each call by that clock.
"""

import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine

Arguments = dict[str, Any]


class Task:
    """What to do; errors are noted here."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.host: str = given["host"]
        self.key: str = given["write_key"]
        self.options: dict[str, Any] = given["options"]
        self.errors: list[str] = []
        self.called_at: list[str] = []
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
                self.called_at.append(_now().isoformat())
                call(method, given)
                time.sleep(self._pause_seconds)


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the machine's clock is the matter


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
            wrong = _now() + timedelta(seconds=given["clock_seconds"])
            stack.enter_context(time_machine.travel(wrong, tick=True))
        SDKS[sys.argv[1]](task)
    json.dump({"errors": task.errors, "called_at": task.called_at}, sys.stdout)


if __name__ == "__main__":
    main()
