"""Transactions, and the stager's errors for those of the driver.

The one place where errors of Postgres become errors of the stager; see services/stager/errors.py.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from services.stager.errors import Conflict, DataRejected
from shared.errors import DatabaseUnavailable, FatalError, StagelineError
from shared.storage.errors import Meaning, meaning_of

# Generic to the type checker only.
Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record] | asyncpg.Connection[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

_ACQUIRE_SECONDS = 10.0


def translated(exc: BaseException) -> StagelineError | None:
    """The stager's error for an error of the driver, or None for one that is not the driver's."""
    meaning = meaning_of(exc)
    if meaning is None:
        return None
    reason = f"{meaning}: {type(exc).__name__}, sqlstate {getattr(exc, 'sqlstate', None)}"
    match meaning:
        case Meaning.AWAY | Meaning.FULL | Meaning.BUSY:
            return DatabaseUnavailable(reason)
        case Meaning.CONFLICT:
            return Conflict(reason)
        case Meaning.DATA:
            return DataRejected(reason)
        case Meaning.FATAL:
            return FatalError(f"Postgres refuses a statement of the stager, {reason}")


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """One transaction: commits at the end, rolls back on any exception.

    May block up to the statement timeout a statement. Raises the errors of services/stager/errors.py for
    those of the driver. After DatabaseUnavailable at commit it is unknown whether the commit took place:
    the expected offset decides on the next try.
    """
    try:
        async with pool.acquire(timeout=_ACQUIRE_SECONDS) as connection, connection.transaction():
            yield connection
    except StagelineError:
        raise
    except Exception as exc:
        meaning = translated(exc)
        if meaning is None:
            raise
        raise meaning from exc


async def answers(pool: Pool) -> bool:
    """Whether Postgres answers a statement now; bounded by the pool's wait, never raises StagelineError."""
    try:
        async with transaction(pool) as connection:
            return await connection.fetchval("SELECT true") is True
    except StagelineError:
        return False


def count(status: str) -> int:
    """Rows that a statement wrote, from its command tag."""
    return int(status.rpartition(" ")[2])
