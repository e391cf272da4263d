"""Browser SDKs that go on telling while bad times pass: one page each, open all the while."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

from playwright.async_api import Browser, Page

from tests.compat import pages
from tests.compat.browser import site, visit
from tests.compat.sdks import Played

_CALLS_MILLISECONDS = 120_000

_TELL = """
  window.calls = []
  window.tell = async (first, end, pause) => {
    for (let number = first; number < end; number += 1) {
      const began = new Date().toISOString()
      SDK('Feature Used', { number, run: 'RUN' })
      calls.push([began, new Date().toISOString()])
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }
"""

PAGES: Mapping[str, tuple[Callable[..., str], str]] = {
    "@segment/analytics-next": (partial(pages.segment, delivery="standard"), "analytics.track"),
    "posthog-js": (pages.posthog, "posthog.capture"),
    "@rudderstack/analytics-js": (pages.rudder, "analytics.track"),
}
"""By package: the page that has it, and the call that tracks an event."""

GIVES_UP_SECONDS: Mapping[str, float] = {"posthog-js": 15}
"""posthog-js repeats an unanswered request three times, within 18 seconds or more, and gives its
events up; whatever is answered with 5xx it repeats ten times, for most of an hour."""


class PageRun:
    """An SDK at work in a page."""

    def __init__(self, page: Page, first: int, number: int, pause_seconds: float) -> None:
        """Made by `opened`."""
        self._page = page
        self._first = first
        self._number = number
        self._pause_seconds = pause_seconds

    async def go_on(self) -> None:
        """Let it make the calls of the next part."""
        await self._tell(self._first, self._number)

    async def _tell(self, first: int, end: int) -> None:
        # The page goes on by itself; the promise is not awaited.
        await self._page.evaluate(f"() => {{ tell({first}, {end}, {self._pause_seconds * 1000}) }}")

    async def finished(self) -> Played:
        """Wait for the calls, not for what becomes of them: a page does not end."""
        await self._page.wait_for_function(
            f"calls.length === {self._number}", timeout=_CALLS_MILLISECONDS
        )
        result = json.loads(
            await self._page.evaluate("JSON.stringify([window.failures ?? [], calls])")
        )
        errors, calls = result
        called_at = [(datetime.fromisoformat(a), datetime.fromisoformat(b)) for a, b in calls]
        return Played(errors=errors, called_at=called_at)


@asynccontextmanager
async def opened(
    package: str,
    run: str,
    first: int,
    number: int,
    *,
    browser: Browser,
    node_sdks: Path,
    host: str,
    write_key: str,
    pause_seconds: float,
) -> AsyncIterator[PageRun]:
    """A page that tracks `first` events at once and the rest, up to `number`, on `go_on`."""
    page_with, call = PAGES[package]
    text = page_with(
        service=host,
        write_key=write_key,
        calls=_TELL.replace("SDK", call).replace("RUN", run),
    )
    # The address does not name the run: what an SDK tracks of the page by itself is not counted.
    async with site(node_sdks, {"/": text}) as web, visit(browser) as person:
        at_work = PageRun(await person.open(f"{web.url}/"), first, number, pause_seconds)
        await at_work._tell(0, first)
        yield at_work
