"""Waiting for something to become true, with an end."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic, sleep
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    question: Callable[[], Awaitable[T]], *, within: float = 10.0, every: float = 0.02
) -> T:
    """Ask until the answer is truthy and return it; fail with the last answer otherwise.

    Units: seconds. An exception of `question` counts as "not yet" and is raised at the end.
    """
    end = monotonic() + within
    while True:
        try:
            answer = await question()
        except Exception:
            if monotonic() > end:
                raise
        else:
            if answer:
                return answer
            if monotonic() > end:
                message = f"still {answer!r} after {within} s"
                raise AssertionError(message)
        await asyncio.sleep(every)


def wait_for(question: Callable[[], T], *, within: float = 10.0, every: float = 0.1) -> T:
    """`eventually` for a test that blocks, as one does that drives a process from outside."""
    end = monotonic() + within
    while not (answer := question()):
        if monotonic() > end:
            message = f"still {answer!r} after {within} s"
            raise AssertionError(message)
        sleep(every)
    return answer
