"""Runs a standalone Stageline from the bound port to the stop signal."""

import asyncio
import socket
import sys
from pathlib import Path

from services.standalone import credentials, terminal
from services.standalone.bootstrap import bootstrap, play_sample
from services.standalone.compose import AllServices, Settings, composed
from services.standalone.credentials import FILE_NAME, Credentials
from services.standalone.settings import StandaloneSettings
from shared.clock import SystemClock
from shared.errors import FatalError, TransientError
from shared.process.frame import run_until_stopped
from shared.storage.logins import DatabaseAddresses

_READY_SECONDS = 60.0
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared, not bound


def run(
    settings: StandaloneSettings,
    parts: Settings,
    listener: socket.socket,
    addresses: DatabaseAddresses,
    *,
    operator_url: str,
) -> None:
    """Run until SIGINT or SIGTERM. Raises StagelineError, also within an ExceptionGroup.

    `operator_url`: the database's address as it may be written down for operator commands.
    """

    async def work(stop: asyncio.Event) -> None:
        previous = credentials.read(settings.home)
        target = await bootstrap(
            addresses.owner,
            settings.home,
            base_url=_base_url(listener),
            operator_url=operator_url,
            now=SystemClock().now(),
        )
        is_key_new = previous is None or previous.secret_key != target.secret_key
        welcome = terminal.welcome(
            target, settings.home / FILE_NAME, shows_secret=is_key_new and sys.stdout.isatty()
        )
        async with composed(parts, SystemClock()) as services, asyncio.TaskGroup() as group:
            greeter = _greet(services, welcome, target, settings.home if settings.sample else None)
            greeting = group.create_task(greeter, name="greeter")
            group.create_task(_end(greeting, stop), name="greeter-end")
            await services.run(listener, stop, shutdown_seconds=settings.shutdown_seconds)
        terminal.say("\nStopped; the data stays.")

    run_until_stopped(work)


async def _end(task: asyncio.Task[None], stop: asyncio.Event) -> None:
    """Cancel `task` at the stop, before the services that it calls close."""
    await stop.wait()
    task.cancel()


async def _greet(
    services: AllServices, welcome: str, target: Credentials, sample_home: Path | None
) -> None:
    """Wait until all services are ready, send the sample once (None: never), print the welcome."""
    try:
        async with asyncio.timeout(_READY_SECONDS):
            # Readiness is asked of the database and the log: there is no event to await.
            while not all((results := await services.health.ready()).values()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    except TimeoutError as exc:
        failed = ", ".join(name for name, is_ok in results.items() if not is_ok)
        raise FatalError(f"not ready after {_READY_SECONDS:.0f} s: {failed}") from exc
    if sample_home is not None:
        try:
            await play_sample(target, sample_home, SystemClock().now())
        except TransientError as exc:
            terminal.say(f"Sample journeys: {exc}")
    terminal.say(welcome)


def _base_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    host = _EVERYWHERE.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{host}:{port}"
