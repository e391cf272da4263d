"""The server's process: started without a shell, awaited, stopped; those of killed starts ended."""

import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import psutil

from services.standalone.cluster.data_folder import child_environ
from services.standalone.cluster.system_user import SystemUser
from shared.errors import FatalError

PORT = 5432
"""Part of the socket's name; no TCP port is opened."""

_RECOVERY_SECONDS = 120.0
"""After a crash the server first replays its log: up to `max_wal_size` of it."""

_FAST_STOP_SECONDS = 60.0
_IMMEDIATE_STOP_SECONDS = 15.0
_POLL_SECONDS = 0.02
_PID_FILE = "postmaster.pid"
_PID_FILE_LINES = 8
"""Lines of a complete postmaster.pid; fewer while the server starts."""

_STILL_IN_USE = "shared memory block"
_ATTEMPTS = 5
"""Processes of a killed server end within seconds; until then no other starts on their data."""


class Postmaster:
    """One running server."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Process id of the server."""
        return self._process.pid

    def exited(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """Stop it: sessions are ended, what is committed stays. No signal interrupts this."""
        with uninterrupted():
            for number, seconds in (
                (signal.SIGINT, _FAST_STOP_SECONDS),
                (signal.SIGQUIT, _IMMEDIATE_STOP_SECONDS),
                (signal.SIGKILL, None),
            ):
                self._process.send_signal(number)
                try:
                    self._process.wait(seconds)
                except subprocess.TimeoutExpired:
                    continue
                return


def start(
    data_dir: Path, *, programs: Path, socket_dir: Path, user: SystemUser, log_file: Path
) -> Postmaster:
    """Start the server and wait until it accepts connections. Raises FatalError, OSError."""
    for attempt in range(1, _ATTEMPTS + 1):
        begins_at = log_file.stat().st_size if log_file.exists() else 0
        with log_file.open("ab") as log, uninterrupted():
            process = subprocess.Popen(  # noqa: S603 - our own command line
                [
                    *(programs / "postgres", "-D", data_dir, "-p", str(PORT)),
                    *("-c", "listen_addresses="),
                    *("-c", f"unix_socket_directories={socket_dir}"),
                    *("-c", "unix_socket_permissions=0700"),
                ],
                cwd="/",
                env=child_environ(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,
                **user.identity,
            )
            server = Postmaster(process)
        try:
            _await_ready(server, data_dir)
        except BaseException:
            server.stop()
            raise
        if not server.exited():
            return server
        said = log_file.read_bytes()[begins_at:].decode("utf-8", "replace")
        if _STILL_IN_USE not in said or attempt == _ATTEMPTS:
            break
        sleep(1)
    raise FatalError(f"the embedded PostgreSQL did not start{_reason(said)}; its log is {log_file}")


def end_leftover(data_dir: Path) -> None:
    """Stop a server that outlived a killed Stageline. The caller holds the folder's lock.

    A pid file whose number belongs to another program by now is removed: it would keep the server
    from starting. Raises FatalError when it does not stop.
    """
    pid = _lines_of_pid_file(data_dir)[:1]
    if not pid or not pid[0].strip().isdigit():
        return
    try:
        process = psutil.Process(int(pid[0]))
        is_ours = process.name() == "postgres" and str(data_dir) in process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return
    if not is_ours:
        (data_dir / _PID_FILE).unlink(missing_ok=True)
        return
    for ending, seconds in (
        (signal.SIGINT, _RECOVERY_SECONDS),
        (signal.SIGQUIT, _IMMEDIATE_STOP_SECONDS),
    ):
        try:
            process.send_signal(ending)
            process.wait(seconds)
        except psutil.NoSuchProcess:
            return
        except psutil.TimeoutExpired:
            continue
        return
    message = f"the PostgreSQL of an earlier start (process {process.pid}) does not stop; kill it"
    raise FatalError(message)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back SIGINT and SIGTERM, which the block then gets at its end.

    A start that is interrupted between the fork and its return would lose the process.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pending: list[int] = []
    previous = {
        number: signal.signal(number, lambda number, _: pending.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for each, handler in previous.items():
            signal.signal(each, signal.SIG_DFL if handler is None else handler)
        for number in dict.fromkeys(pending):
            signal.raise_signal(number)


def _await_ready(server: Postmaster, data_dir: Path) -> None:
    end = monotonic() + _RECOVERY_SECONDS
    while not server.exited() and monotonic() < end:
        lines = _lines_of_pid_file(data_dir)
        is_complete = len(lines) >= _PID_FILE_LINES and lines[-1].strip() == "ready"
        if is_complete and lines[0].strip() == str(server.pid):
            return
        sleep(_POLL_SECONDS)
    if not server.exited():
        message = f"the embedded PostgreSQL was not ready after {_RECOVERY_SECONDS:.0f} s"
        raise FatalError(message)


def _lines_of_pid_file(data_dir: Path) -> list[str]:
    try:
        return (data_dir / _PID_FILE).read_text("utf-8", "replace").splitlines()
    except OSError:
        return []


def _reason(said: str) -> str:
    parts = [
        line.split(f"{level}:", 1)[1].strip()
        for line in said.splitlines()
        for level in ("FATAL", "DETAIL")
        if f"{level}:" in line
    ]
    return "".join(f": {part.rstrip('.')}" for part in parts[:2])
