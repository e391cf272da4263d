"""Stories that run at the same time and wait as one, so that many of them cost one wait.

A story is a coroutine that sends something, waits until it is applied, and looks at what comes out. Each has
an outcome of its own. What they wait for begins only when none of them is sending any more: it holds for
all that was sent by then.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

Name = TypeVar("Name")


class JointWait:
    """One wait for all stories that are still running."""

    def __init__(self, wait: Callable[[], Awaitable[None]], *, stories: int) -> None:
        self._wait = wait
        self._running = stories
        self._waiting: list[asyncio.Future[None]] = []

    async def wait(self) -> None:
        """Return after a `wait` that began when every running story had come here."""
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        await self._wait_if_all_are_here()
        await mine

    async def leave(self) -> None:
        """End one story: the others wait for it no longer."""
        self._running -= 1
        await self._wait_if_all_are_here()

    async def _wait_if_all_are_here(self) -> None:
        if not self._waiting or len(self._waiting) < self._running:
            return
        waiting, self._waiting = self._waiting, []
        error: Exception | None = None
        try:
            await self._wait()
        except Exception as exc:  # noqa: BLE001 - raised by every story that waited
            error = exc
        for each in waiting:
            if error is None:
                each.set_result(None)
            else:
                each.set_exception(error)


async def outcomes(
    wait: Callable[[], Awaitable[None]],
    stories: Mapping[Name, Callable[[JointWait], Awaitable[None]]],
) -> dict[Name, Exception | None]:
    """Run all stories at once; of each the exception that ended it, None where it came to its end."""
    together = JointWait(wait, stories=len(stories))

    async def run(story: Callable[[JointWait], Awaitable[None]]) -> Exception | None:
        try:
            await story(together)
        except Exception as exc:  # noqa: BLE001 - its test raises it
            return exc
        else:
            return None
        finally:
            await together.leave()

    results = await asyncio.gather(*(run(story) for story in stories.values()))
    return dict(zip(stories, results, strict=True))
