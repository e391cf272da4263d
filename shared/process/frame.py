"""The frame of a process: settings, logging, exit code; an event loop that ends at a signal.

A service is `run_service`. A program that does more around its event loop, as the standalone one,
puts `run_program` and `run_until_stopped` together itself.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import structlog
import uvloop

from shared.errors import StagelineError
from shared.process.collector import tune_collector
from shared.process.interrupts import SIGNALS, Interrupts
from shared.process.listener import bind
from shared.process.logging import configure
from shared.settings import CommonSettings, load, misspelt, redacted

log = structlog.get_logger(__name__)

S = TypeVar("S", bound=CommonSettings)

Work = Callable[[S, socket.socket, asyncio.Event], Awaitable[None]]
"""A service between its bound port and the end of its stop."""


def run_service(service: str, kind: type[S], work: Work[S]) -> int:
    """Run `work` until SIGTERM or SIGINT. Exit code 0 after a clean stop, 1 after a fatal fault."""

    def run(settings: S) -> None:
        listener = bind(settings.host, settings.port)

        async def logged(stop: asyncio.Event) -> None:
            log.info("starting", settings=redacted(settings))
            await work(settings, listener, stop)
            log.info("stopped")

        run_until_stopped(logged)

    return run_program(f"stageline {service}", service, kind, run)


def run_program(title: str, service: str, kind: type[S], run: Callable[[S], None]) -> int:
    """Load the settings, configure logging, call `run`. Exit code 0, or 1 after a StagelineError.

    The error is one line on standard error, which begins with `title`; also where a task group raised it
    among the errors of other tasks that met the same fault. `service` names the process in its log.
    """
    try:
        settings = load(kind)
        configure(service=service, level=settings.log_level, log_format=settings.log_format)
        for name, resembled in misspelt(kind).items():
            log.warning("variable_ignored", variable=name, resembles=resembled)
        run(settings)
    except (StagelineError, BaseExceptionGroup) as exc:
        fault = _first_fault(exc)
        if not isinstance(fault, StagelineError):
            raise
        sys.stderr.write(f"{title}: {fault}\n")
        return 1
    return 0


def run_until_stopped(
    work: Callable[[asyncio.Event], Awaitable[None]], interrupts: Interrupts | None = None
) -> None:
    """Run `work` on an event loop; the event that it gets is set by SIGTERM and by SIGINT.

    It is set from the start if `interrupts` has noted one of them before.
    """

    async def watched() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, stop.set)
        if interrupts is not None and interrupts.came:
            stop.set()
        await work(stop)

    tune_collector()
    # A loop that closes leaves the system's default actions behind.
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(watched())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _first_fault(exc: BaseException) -> BaseException:
    """The first error of Stageline's own, which says what to do; the first of all where there is none."""
    faults = list(_faults(exc))
    return next((each for each in faults if isinstance(each, StagelineError)), faults[0])


def _faults(exc: BaseException) -> Iterator[BaseException]:
    if not isinstance(exc, BaseExceptionGroup):
        yield exc
        return
    for each in exc.exceptions:
        yield from _faults(each)
