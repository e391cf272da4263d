"""What an error of a database driver means: the one table, for every service and both drivers.

The unit is PostgreSQL's SQLSTATE, five characters of which the first two name a class
(https://www.postgresql.org/docs/current/errcodes-appendix.html). A whole state is looked up before its
class. A state that the table does not have is `FATAL`: a statement or an installation is wrong, and no
retry cures that.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

import asyncpg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.errors import DatabaseUnavailable


class Meaning(StrEnum):
    """What to do after an error; the first four may succeed later without a change of input."""

    AWAY = "away"
    """No connection, or a server that starts, stops, fails over or has a fault of its own."""
    FULL = "full"
    """Out of disk, memory or connections."""
    BUSY = "busy"
    """A statement, a lock or a session took longer than its limit."""
    CONFLICT = "conflict"
    """Another transaction won: read again and retry at once."""
    DATA = "data"
    """The server refuses a value of the statement."""
    FATAL = "fatal"
    """The statement or the installation is wrong."""


TRANSIENT = frozenset({Meaning.AWAY, Meaning.FULL, Meaning.BUSY, Meaning.CONFLICT})

_BY_STATE = {
    "25006": Meaning.AWAY,  # read-only transaction: a fail-over is under way
    "25P03": Meaning.BUSY,  # idle in transaction for too long
    "25P04": Meaning.BUSY,  # transaction took too long
    "40002": Meaning.DATA,  # integrity constraint, found at commit
    "40003": Meaning.AWAY,  # whether the statement completed is unknown
    "55P03": Meaning.BUSY,  # lock not available
    "57014": Meaning.BUSY,  # statement cancelled, by its time limit or by an operator
}

_BY_CLASS = {
    "08": Meaning.AWAY,  # connection
    "21": Meaning.DATA,  # cardinality
    "22": Meaning.DATA,  # data
    "23": Meaning.DATA,  # integrity constraint
    "40": Meaning.CONFLICT,  # serialization failure, deadlock
    "53": Meaning.FULL,  # insufficient resources
    "54": Meaning.DATA,  # program limit, such as an index row that is too wide
    "57": Meaning.AWAY,  # operator intervention: shutdown, crash, start-up, idle session ended
    "58": Meaning.AWAY,  # system error outside PostgreSQL: I/O error, file missing
}

_DRIVERS_OWN = (asyncpg.InterfaceError, asyncpg.InternalClientError)
"""Errors that asyncpg raises without an answer of the server: the connection is closed or closing.

InternalClientError too: the server's farewell to an idle session leaves asyncpg in a state from which
the next statement fails so, until the end of the connection is noticed.
"""

DRIVER_ERRORS = (SQLAlchemyError, asyncpg.PostgresError, *_DRIVERS_OWN, OSError)
"""Every type that the two drivers raise; TimeoutError is an OSError."""


def meaning_of_state(sqlstate: str | None) -> Meaning:
    """Meaning of an SQLSTATE; an error of the server without one came with the connection's end."""
    if not sqlstate:
        return Meaning.AWAY
    return _BY_STATE.get(sqlstate) or _BY_CLASS.get(sqlstate[:2], Meaning.FATAL)


def meaning_of(exc: BaseException) -> Meaning | None:
    """Meaning of an error of asyncpg, SQLAlchemy or the network; None for any other error."""
    meaning: Meaning | None = None
    match exc:
        case asyncpg.PostgresError():
            meaning = meaning_of_state(exc.sqlstate)
        case DBAPIError(connection_invalidated=True):
            meaning = Meaning.AWAY
        case DBAPIError():
            meaning = _meaning_of_wrapped(exc)
        case PoolTimeout():
            meaning = Meaning.BUSY
        case asyncpg.InterfaceError() | asyncpg.InternalClientError() | OSError():
            meaning = Meaning.AWAY
    return meaning


def _meaning_of_wrapped(exc: DBAPIError) -> Meaning:
    """SQLAlchemy's dialect raises its own error from the driver's, which decides."""
    cause = _driver_error(exc)
    return (meaning_of(cause) if cause is not None else None) or Meaning.FATAL


def _driver_error(exc: DBAPIError) -> BaseException | None:
    return exc.orig.__cause__ if exc.orig is not None else None


def is_transient(exc: BaseException) -> bool:
    """Whether the same call may succeed later."""
    return meaning_of(exc) in TRANSIENT


def is_connection_lost(exc: BaseException) -> bool:
    """Whether the connection that raised `exc` is of no more use; another one may work at once."""
    if isinstance(exc, DBAPIError):
        cause = _driver_error(exc)
        return exc.connection_invalidated or (cause is not None and is_connection_lost(cause))
    if isinstance(exc, asyncpg.PostgresError):
        state = exc.sqlstate or "08"
        return state.startswith("08") or state in {"57P01", "57P02", "57P05", "25P03", "25P04"}
    return isinstance(exc, (*_DRIVERS_OWN, ConnectionError))


def server_message(exc: BaseException) -> str | None:
    """The server's own words, where it refused a statement; None for any other error."""
    match exc:
        case DBAPIError():
            return str(exc.orig)
        case asyncpg.PostgresError():
            return str(exc)
        case _:
            return None


@contextmanager
def transient_as_unavailable(message: str) -> Iterator[None]:
    """Raise DatabaseUnavailable for a transient error; any other error passes."""
    try:
        yield
    except DRIVER_ERRORS as exc:
        if not is_transient(exc):
            raise
        raise DatabaseUnavailable(message) from exc


@contextmanager
def any_as_unavailable(message: str) -> Iterator[None]:
    """Raise DatabaseUnavailable for every error of a driver, a fatal one too.

    For reads and writes beside a request (a cache that keeps its last values, the live view's events):
    a service that is started before the migration must not stop because a table is missing.
    """
    try:
        yield
    except DRIVER_ERRORS as exc:
        raise DatabaseUnavailable(message) from exc
