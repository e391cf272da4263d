"""Processes of Stageline started by another one: watched, and stopped in order."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Self

import httpx

from shared.errors import FatalError

_READY_SECONDS = 60.0
_STOP_SECONDS = 20.0
_SHOWN_LOG_CHARS = 2000


class Child:
    """One service as a process of its own; its log goes to a file. Start and stop by `with`."""

    def __init__(
        self, service: str, *, port: int, environ: Mapping[str, str], log_dir: Path
    ) -> None:
        """`environ` is laid over ours. `port` answers /readyz."""
        self.service = service
        self.url = f"http://127.0.0.1:{port}"
        self.log_file = log_dir / f"{service}.log"
        self._environ = {**os.environ, **environ, "STAGELINE_PORT": str(port)}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start the process; it is not ready yet."""
        with self.log_file.open("ab") as log:
            # A session of its own: Ctrl-C in the terminal reaches us alone, and we stop in order.
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                [sys.executable, "-m", f"services.{self.service}"],
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Ask it to stop, and insist after 20 s."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def wait_ready(self) -> None:
        """Return once /readyz says 200; up to a minute. Raises FatalError with the log's end."""
        end = monotonic() + _READY_SECONDS
        while monotonic() < end:
            self.check()
            try:
                if httpx.get(f"{self.url}/readyz", timeout=2).status_code == httpx.codes.OK:
                    return
            except httpx.HTTPError:
                pass
            sleep(0.1)
        raise FatalError(
            f"{self.service} was not ready after {_READY_SECONDS:.0f} s: {self._tail()}"
        )

    def check(self) -> None:
        """Raise FatalError with the end of the log if the process has ended."""
        if not self.is_running():
            raise FatalError(f"{self.service} has stopped: {self._tail()}")

    def _tail(self) -> str:
        text = self.log_file.read_text("utf-8", "replace")[-_SHOWN_LOG_CHARS:]
        return f"the end of {self.log_file}:\n{text}"
