"""SIGINT and SIGTERM for a program that does more than run an event loop, so that neither is lost.

The exception of a signal handler leaves whatever code runs at that instant. Destructors, callbacks of C
code and some clean-ups of libraries swallow it, as they do a task's cancellation. The signal is therefore
noted as well, and the program checks the note between its steps.
"""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from functools import partial
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Handlers of both signals for the block of a `with`; afterwards both are ignored."""

    def __init__(self) -> None:
        self.came = False
        """Whether one of the signals has arrived."""
        self._cancel: Callable[[], object] | None = None

    def __enter__(self) -> Self:
        """From here on a signal raises KeyboardInterrupt, or cancels the coroutine of `run`."""
        for number in SIGNALS:
            signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """All is closed: a further signal has nothing left to stop but the interpreter's own end."""
        self.ignore()

    def ignore(self) -> None:
        """Ignore both from now on, as while processes are stopped in order."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def check(self) -> None:
        """Raises KeyboardInterrupt if a signal has arrived."""
        if self.came:
            raise KeyboardInterrupt

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on an event loop of its own, as asyncio.run.

        A signal cancels it. Raises KeyboardInterrupt after a signal, also when the coroutine went on.
        """
        try:
            result = asyncio.run(self._cancellable(main))
        except asyncio.CancelledError:
            self.check()
            raise
        self.check()
        return result

    async def _cancellable(self, main: Coroutine[Any, Any, T]) -> T:
        task = asyncio.current_task()
        if task is not None:
            self._cancel = partial(asyncio.get_running_loop().call_soon_threadsafe, task.cancel)
        try:
            return await main
        finally:
            self._cancel = None

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.came = True
        if self._cancel is None:
            raise KeyboardInterrupt
        self._cancel()
