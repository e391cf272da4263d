"""Runs a standalone Stageline from the bound port to the stop signal."""

import asyncio
import socket
import sys

from services.ingest.compose import warn_of_foreign_hosts
from services.standalone import credentials, terminal
from services.standalone.bootstrap import bootstrap, has_journey, play_sample
from services.standalone.compose import AllServices, Settings, composed
from services.standalone.credentials import FILE_NAME, Credentials
from services.standalone.settings import StandaloneSettings
from shared.clock import SystemClock
from shared.errors import FatalError, TransientError
from shared.maps import templates
from shared.process.frame import run_until_stopped
from shared.process.interrupts import Interrupts
from shared.storage.logins import DatabaseAddresses

_READY_SECONDS = 60.0
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared, not bound


def run(
    settings: StandaloneSettings,
    parts: Settings,
    listener: socket.socket,
    addresses: DatabaseAddresses,
    interrupts: Interrupts,
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
            map_name=templates.DEFAULT if settings.sample else None,
        )
        is_key_new = previous is None or previous.secret_key != target.secret_key
        await _serve(
            settings,
            parts,
            listener,
            stop,
            target,
            shows_secret=is_key_new and sys.stdout.isatty(),
        )

    run_until_stopped(work, interrupts)


async def _serve(
    settings: StandaloneSettings,
    parts: Settings,
    listener: socket.socket,
    stop: asyncio.Event,
    target: Credentials,
    *,
    shows_secret: bool,
) -> None:
    warn_of_foreign_hosts(parts.ingest)
    async with composed(parts, SystemClock()) as services, asyncio.TaskGroup() as group:
        greeting = _greet(settings, services, target, shows_secret=shows_secret)
        greeter = group.create_task(greeting, name="greeter")
        group.create_task(_end(greeter, stop), name="greeter-end")
        await services.run(
            listener,
            stop,
            shutdown_seconds=settings.shutdown_seconds,
            on_stager_fault=lambda reason: terminal.say(terminal.stager_stopped(reason)),
        )
    terminal.say("\nStopped; the data stays.")


async def _end(task: asyncio.Task[None], stop: asyncio.Event) -> None:
    """Cancel `task` at the stop, before the services that it calls close."""
    await stop.wait()
    task.cancel()


async def _greet(
    settings: StandaloneSettings,
    services: AllServices,
    target: Credentials,
    *,
    shows_secret: bool,
) -> None:
    """Wait until all services are ready, send the sample once, and print the welcome."""
    try:
        async with asyncio.timeout(_READY_SECONDS):
            # Readiness is asked of the database and the log: there is no event to await.
            while not all((results := await services.health.ready()).values()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    except TimeoutError as exc:
        failed = ", ".join(name for name, is_ok in results.items() if not is_ok)
        raise FatalError(f"not ready after {_READY_SECONDS:.0f} s: {failed}") from exc
    if settings.sample:
        try:
            await play_sample(target, settings.home, SystemClock().now())
        except TransientError as exc:
            terminal.say(f"Sample journeys: {exc}")
    has_map = await has_journey(target)
    path = settings.home / FILE_NAME
    terminal.say(terminal.welcome(target, path, has_map=has_map, shows_secret=shows_secret))


def _base_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    host = _EVERYWHERE.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{host}:{port}"
