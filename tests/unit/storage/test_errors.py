"""The table of driver errors, state by state and for both drivers."""

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError, NoSuchTableError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.errors import DatabaseUnavailable
from shared.storage.errors import (
    Meaning,
    any_as_unavailable,
    is_connection_lost,
    is_transient,
    meaning_of,
    transient_as_unavailable,
)

AWAY, FULL, BUSY, CONFLICT, DATA, FATAL = Meaning

# By hand from PostgreSQL's appendix A: every class that a server sends, and each state that matters.
STATES = [
    ("08000", AWAY),  # connection exception
    ("08003", AWAY),  # connection does not exist
    ("08006", AWAY),  # connection failure
    ("08P01", AWAY),  # protocol violation
    ("0A000", FATAL),  # feature not supported
    ("21000", DATA),  # cardinality
    ("22001", DATA),  # string too long
    ("22021", DATA),  # character not in repertoire
    ("22P05", DATA),  # untranslatable character
    ("23502", DATA),  # not null
    ("23505", DATA),  # unique
    ("25001", FATAL),  # active transaction
    ("25006", AWAY),  # read-only: a fail-over
    ("25P02", FATAL),  # in a failed transaction
    ("25P03", BUSY),  # idle in transaction for too long
    ("25P04", BUSY),  # transaction took too long
    ("28P01", FATAL),  # wrong password
    ("3D000", FATAL),  # no such database
    ("40001", CONFLICT),  # serialization failure
    ("40002", DATA),  # integrity constraint at commit
    ("40003", AWAY),  # statement completion unknown
    ("40P01", CONFLICT),  # deadlock
    ("42501", FATAL),  # insufficient privilege
    ("42601", FATAL),  # syntax error
    ("42P01", FATAL),  # no such table
    ("53000", FULL),
    ("53100", FULL),  # disk full
    ("53200", FULL),  # out of memory
    ("53300", FULL),  # too many connections
    ("53400", FULL),  # configured limit
    ("54000", DATA),  # program limit
    ("55000", FATAL),  # object not in the required state
    ("55P03", BUSY),  # lock not available
    ("57014", BUSY),  # cancelled, by the statement's time limit
    ("57P01", AWAY),  # shutdown by an operator
    ("57P02", AWAY),  # crash shutdown
    ("57P03", AWAY),  # cannot connect now
    ("57P05", AWAY),  # idle session ended
    ("58000", AWAY),  # system error
    ("58030", AWAY),  # input or output failed
    ("58P01", AWAY),  # file missing
    ("P0001", FATAL),  # raised by a function
    ("XX000", FATAL),  # internal error
    ("XX001", FATAL),  # data corrupted
]


def _of_server(state: str) -> asyncpg.PostgresError:
    error: asyncpg.PostgresError = asyncpg.PostgresError.new({"C": state, "M": "x"})
    assert error.sqlstate == state
    return error


def _wrapped(error: Exception, *, is_invalidated: bool = False) -> DBAPIError:
    """As SQLAlchemy's asyncpg dialect raises: an error of its own, from the driver's."""
    own = RuntimeError("x")
    own.__cause__ = error
    return DBAPIError("SELECT 1", {}, own, connection_invalidated=is_invalidated)


@pytest.mark.parametrize(("state", "meaning"), STATES)
def test_a_state_means_the_same_through_both_drivers(state: str, meaning: Meaning) -> None:
    error = _of_server(state)

    assert (meaning_of(error), meaning_of(_wrapped(error))) == (meaning, meaning)
    assert is_transient(error) == (meaning in {AWAY, FULL, BUSY, CONFLICT})


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (asyncpg.PostgresError("x"), AWAY),
        (asyncpg.InterfaceError("connection is closed"), AWAY),
        (asyncpg.InternalClientError("got result for unknown protocol state"), AWAY),
        (_wrapped(asyncpg.InterfaceError("connection is closed")), AWAY),
        (_wrapped(RuntimeError("x"), is_invalidated=True), AWAY),
        (_wrapped(RuntimeError("x")), FATAL),
        (ConnectionRefusedError(), AWAY),
        (TimeoutError(), AWAY),
        (PoolTimeout(), BUSY),
        (NoSuchTableError(), None),
        (ValueError("x"), None),
    ],
)
def test_errors_without_a_state_have_a_meaning_too(
    error: Exception, meaning: Meaning | None
) -> None:
    assert meaning_of(error) == meaning


@pytest.mark.parametrize(
    ("error", "is_lost"),
    [
        (_of_server("08006"), True),
        (_of_server("57P01"), True),
        (_of_server("57P05"), True),
        (_wrapped(_of_server("57P01")), True),
        (asyncpg.InternalClientError("x"), True),
        (ConnectionResetError(), True),
        (_of_server("53100"), False),
        (_of_server("57014"), False),
        (_of_server("42P01"), False),
        (FileNotFoundError(), False),
    ],
)
def test_some_errors_end_their_connection(error: Exception, *, is_lost: bool) -> None:
    assert is_connection_lost(error) == is_lost


def test_only_a_transient_error_makes_the_database_unavailable() -> None:
    with pytest.raises(DatabaseUnavailable), transient_as_unavailable("away"):
        raise _of_server("58030")
    with pytest.raises(asyncpg.PostgresError), transient_as_unavailable("away"):
        raise _of_server("42P01")


def test_a_cache_takes_every_fault_as_unavailable() -> None:
    with pytest.raises(DatabaseUnavailable), any_as_unavailable("away"):
        raise _of_server("42P01")
    with pytest.raises(ValueError, match="ours"), any_as_unavailable("away"):
        raise ValueError("ours")
