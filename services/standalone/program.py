"""Everything in one process on one port, with its own PostgreSQL."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from migrations.upgrade import upgrade
from services.standalone import app, terminal
from services.standalone import home as folder
from services.standalone.compose import settings_of
from services.standalone.postgres import EmbeddedPostgres
from services.standalone.settings import StandaloneSettings
from shared.errors import FatalError
from shared.process.frame import run_program
from shared.process.interrupts import Interrupts
from shared.process.listener import bind
from shared.storage.errors import DRIVER_ERRORS, TRANSIENT, meaning_of, server_message
from shared.storage.logins import DatabaseAddresses, separate_logins


def run() -> int:
    """Run until Ctrl-C or SIGTERM. Exit code 0 after a clean stop, 1 when it could not start."""
    try:
        with Interrupts() as interrupts:
            return run_program(
                "stageline", "standalone", StandaloneSettings, partial(_run, interrupts)
            )
    except KeyboardInterrupt:
        terminal.say("\nStopped.")
        return 0


def _run(interrupts: Interrupts, settings: StandaloneSettings) -> None:
    with ExitStack() as stack:
        stack.enter_context(folder.locked(settings.home))
        listener = stack.enter_context(bind(settings.host, settings.port))
        database_url = settings.database_url.get_secret_value()
        operator_url = ""
        if database_url:
            addresses = DatabaseAddresses.shared(database_url)
        else:
            addresses = _started(settings, stack, interrupts)
            operator_url = addresses.owner
        with _faults_as_sentences():
            upgrade(addresses.owner, interrupts.run)
        parts = settings_of(addresses, log_level=settings.log_level)
        interrupts.check()
        app.run(settings, parts, listener, addresses, interrupts, operator_url=operator_url)


def _started(
    settings: StandaloneSettings, stack: ExitStack, interrupts: Interrupts
) -> DatabaseAddresses:
    terminal.say("Starting PostgreSQL ...")
    database = stack.enter_context(EmbeddedPostgres(settings.home / "postgres"))
    if database.data_dir != (settings.home / "postgres").absolute():
        terminal.say(f"Its data are in {database.data_dir}.")
    with _faults_as_sentences():
        return interrupts.run(separate_logins(database.url))


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
