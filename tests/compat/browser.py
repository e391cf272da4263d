"""A headless Chromium, and pages on an origin that is not the service's."""

import asyncio
import mimetypes
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

_LAUNCH_MILLISECONDS = 120_000
_WAIT_MILLISECONDS = 90_000
"""Twice what a machine with other things to do has needed; only a failure takes so long."""

_USER_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/150.0.0.0 Safari/537.36"
)
"""A person's: SDKs send nothing for what calls itself headless."""

_ARGUMENTS = [
    "--no-sandbox",  # it does not start for root otherwise
    "--disable-dev-shm-usage",
    "--disable-blink-features=AutomationControlled",  # nor for what says that it is driven
]

_CLOCK = """
{
  const RightDate = Date
  const error = %d
  globalThis.Date = class extends RightDate {
    constructor(...given) { super(...(given.length ? given : [RightDate.now() + error])) }
    static now() { return RightDate.now() + error }
  }
}
"""


@dataclass(slots=True)
class Site:
    """A web site: pages by path, and the packages' own files under /sdk/."""

    port: int
    modules: Path
    pages: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Another origin, and another site, than 127.0.0.1."""
        return f"http://localhost:{self.port}"

    def content(self, path: str) -> tuple[str, bytes] | None:
        """Media type and bytes of what stands at `path`."""
        if path in self.pages:
            return "text/html; charset=utf-8", self.pages[path].encode()
        if not path.startswith("/sdk/"):
            return None
        file = (self.modules / path.removeprefix("/sdk/")).resolve()
        if not file.is_relative_to(self.modules) or not file.is_file():
            return None
        return mimetypes.guess_type(file.name)[0] or "text/plain", file.read_bytes()


@asynccontextmanager
async def site(node_sdks: Path, pages: Mapping[str, str]) -> AsyncIterator[Site]:
    """Serve `pages` (HTML by path) and the packages that were installed in `node_sdks`."""
    modules = (node_sdks / "node_modules").resolve()
    serving = Site(port=0, modules=modules, pages=dict(pages))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ")[1].decode().partition("?")[0]
            content = serving.content(path)
            status, (kind, body) = ("200 OK", content) if content else ("404 Not Found", ("", b""))
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
                "Connection: close\r\n\r\n".encode()
                + body
            )
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    serving.port = server.sockets[0].getsockname()[1]
    try:
        yield serving
    finally:
        server.close()
        await server.wait_closed()


@dataclass  # no slots: the driver keeps a note of its own on each listener
class Visit:
    """One person's browser, and what its console complained about."""

    context: BrowserContext
    console_errors: list[str] = field(default_factory=list)

    async def open(self, url: str) -> Page:
        """Another tab; returns when the page has loaded."""
        page = await self.context.new_page()
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.console_errors.append(str(error)))
        await page.goto(url)
        return page

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.console_errors.append(f"{message.text} {message.location.get('url', '')}")


@asynccontextmanager
async def launched(chromium: Path) -> AsyncIterator[Browser]:
    """The browser's process, without a window."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=_ARGUMENTS, timeout=_LAUNCH_MILLISECONDS
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visit(browser: Browser, *, clock_seconds: int = 0) -> AsyncIterator[Visit]:
    """A browser profile of its own, on a machine whose clock is wrong by so much."""
    context = await browser.new_context(user_agent=_USER_AGENT)
    context.set_default_timeout(_WAIT_MILLISECONDS)
    try:
        if clock_seconds:
            await context.add_init_script(_CLOCK % (clock_seconds * 1000))
        yield Visit(context)
    finally:
        await context.close()
