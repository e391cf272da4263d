import asyncpg
import pytest

from services.stager.errors import Conflict, DataRejected
from services.stager.store.session import translated
from shared.errors import DatabaseUnavailable, FatalError, StagelineError


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (asyncpg.SerializationError("x"), Conflict),
        (asyncpg.DeadlockDetectedError("x"), Conflict),
        (asyncpg.AdminShutdownError("x"), DatabaseUnavailable),
        (asyncpg.CannotConnectNowError("x"), DatabaseUnavailable),
        (asyncpg.DiskFullError("x"), DatabaseUnavailable),
        (asyncpg.TooManyConnectionsError("x"), DatabaseUnavailable),
        (asyncpg.QueryCanceledError("x"), DatabaseUnavailable),
        (asyncpg.LockNotAvailableError("x"), DatabaseUnavailable),
        (asyncpg.ReadOnlySQLTransactionError("x"), DatabaseUnavailable),
        (asyncpg.PostgresIOError("x"), DatabaseUnavailable),
        (asyncpg.IdleInTransactionSessionTimeoutError("x"), DatabaseUnavailable),
        (asyncpg.ConnectionDoesNotExistError("x"), DatabaseUnavailable),
        (asyncpg.InterfaceError("connection is closed"), DatabaseUnavailable),
        (ConnectionRefusedError(), DatabaseUnavailable),
        (TimeoutError(), DatabaseUnavailable),
        (asyncpg.DataError("x"), DataRejected),
        (asyncpg.CharacterNotInRepertoireError("x"), DataRejected),
        (asyncpg.NotNullViolationError("x"), DataRejected),
        (asyncpg.ProgramLimitExceededError("x"), DataRejected),
        (asyncpg.UndefinedTableError("x"), FatalError),
        (asyncpg.InsufficientPrivilegeError("x"), FatalError),
        (ValueError("x"), None),
    ],
)
def test_each_driver_error_means_one_thing(
    error: Exception, meaning: type[StagelineError] | None
) -> None:
    answer = translated(error)

    assert (None if answer is None else type(answer)) is meaning
