"""`make run`: everything in one process on one port, with its own PostgreSQL."""

from contextlib import ExitStack

from migrations.upgrade import upgrade
from services.standalone import home as folder
from services.standalone import terminal
from services.standalone.app import run
from services.standalone.compose import settings_from
from services.standalone.postgres import EmbeddedPostgres
from services.standalone.settings import StandaloneSettings
from shared.process.frame import run_program
from shared.process.listener import bind


def main() -> int:
    """Run until Ctrl-C or SIGTERM. Exit code 0 after a clean stop, 1 when it could not start."""
    try:
        return run_program("stageline", "standalone", StandaloneSettings, _run)
    except KeyboardInterrupt:
        # Before the event loop watches for signals. The context managers have stopped all by now.
        terminal.say("\nStopped.")
        return 0


def _run(settings: StandaloneSettings) -> None:
    with ExitStack() as stack:
        stack.enter_context(folder.locked(settings.home))
        listener = stack.enter_context(bind(settings.host, settings.port))
        database_url = settings.database_url.get_secret_value()
        embedded_url = ""
        if not database_url:
            terminal.say("Starting PostgreSQL ...")
            database = stack.enter_context(EmbeddedPostgres(settings.home / "postgres"))
            database_url = embedded_url = database.url
        upgrade(database_url)
        parts = settings_from(database_url=database_url, log_level=settings.log_level)
        run(settings, parts, listener, embedded_url=embedded_url)


if __name__ == "__main__":
    raise SystemExit(main())
