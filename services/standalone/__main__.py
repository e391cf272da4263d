"""`make run`: everything in one process on one port, with its own PostgreSQL."""

import os
import sys
from contextlib import ExitStack

from services.standalone import home as folder
from services.standalone import prepare, terminal
from services.standalone.app import run
from services.standalone.postgres import EmbeddedPostgres
from services.standalone.settings import StandaloneSettings
from services.standalone.together import settings_from
from shared.errors import StagelineError
from shared.http.server import bind
from shared.settings import load
from shared.telemetry import logging


def main() -> int:
    """Run until Ctrl-C or SIGTERM. Exit code 0 after a clean stop, 1 when it could not start."""
    try:
        _run()
    except KeyboardInterrupt:
        # Before the services were up: what was started is stopped by now.
        terminal.say("\nStopped.")
    except Exception as exc:
        cause: BaseException = exc
        while isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        if not isinstance(cause, StagelineError):
            raise
        sys.stderr.write(f"stageline: {cause}\n")
        return 1
    return 0


def _run() -> None:
    settings = load(StandaloneSettings)
    logging.configure(
        service="standalone", level=settings.log_level, log_format=settings.log_format
    )
    with ExitStack() as stack:
        stack.enter_context(folder.taken(settings.home))
        listener = stack.enter_context(bind(settings.host, settings.port))
        database_url = settings.database_url.get_secret_value()
        embedded_url = ""
        if not database_url:
            terminal.say("Starting PostgreSQL ...")
            database = stack.enter_context(EmbeddedPostgres(settings.home / "postgres"))
            database_url = embedded_url = database.url
        prepare.migrate(database_url)
        parts = settings_from(os.environ, database_url=database_url, log_level=settings.log_level)
        run(settings, parts, listener, embedded_url=embedded_url)


if __name__ == "__main__":
    raise SystemExit(main())
