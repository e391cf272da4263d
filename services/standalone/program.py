"""Everything in one process on one port, with its own PostgreSQL."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from migrations.upgrade import upgrade
from services.standalone import app, terminal
from services.standalone import home as folder
from services.standalone.compose import settings_of
from services.standalone.postgres import EmbeddedPostgres
from services.standalone.settings import StandaloneSettings
from shared.errors import FatalError
from shared.process.frame import run_program
from shared.process.listener import bind
from shared.storage.errors import DRIVER_ERRORS, TRANSIENT, meaning_of, server_message
from shared.storage.logins import DatabaseAddresses, separate_logins


def run() -> int:
    """Run until Ctrl-C or SIGTERM. Exit code 0 after a clean stop, 1 when it could not start."""
    try:
        # Until the event loop watches for them, both end what is under way, in order.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return run_program("stageline", "standalone", StandaloneSettings, _run)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        terminal.say("\nStopped.")
        return 0
    finally:
        # All is closed: a further Ctrl-C has nothing left to stop but the interpreter's own end.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run(settings: StandaloneSettings) -> None:
    with ExitStack() as stack:
        stack.enter_context(folder.locked(settings.home))
        listener = stack.enter_context(bind(settings.host, settings.port))
        database_url = settings.database_url.get_secret_value()
        operator_url = ""
        if database_url:
            addresses = DatabaseAddresses.shared(database_url)
        else:
            addresses = _started(settings, stack)
            operator_url = addresses.owner
        with _faults_as_sentences():
            upgrade(addresses.owner)
        parts = settings_of(addresses, log_level=settings.log_level)
        app.run(settings, parts, listener, addresses, operator_url=operator_url)


def _started(settings: StandaloneSettings, stack: ExitStack) -> DatabaseAddresses:
    terminal.say("Starting PostgreSQL ...")
    database = stack.enter_context(EmbeddedPostgres(settings.home / "postgres"))
    if database.data_dir != (settings.home / "postgres").absolute():
        terminal.say(f"Its data are in {database.data_dir}.")
    with _faults_as_sentences():
        return asyncio.run(separate_logins(database.url))


@contextmanager
def _faults_as_sentences() -> Iterator[None]:
    """Raises FatalError for every fault of the database before the services start."""
    try:
        yield
    except (*DRIVER_ERRORS, ValueError) as exc:
        if (refusal := server_message(exc)) is not None:
            message = f"the database refused: {refusal}"
        elif meaning_of(exc) in TRANSIENT:
            message = "the database does not answer; is it running, STAGELINE_DATABASE_URL right?"
        else:
            message = (
                f"the database cannot be used ({type(exc).__name__}): check STAGELINE_DATABASE_URL"
            )
        raise FatalError(message) from exc
