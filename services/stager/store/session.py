"""Transactions, and what a driver's error means.

The one place where errors of Postgres become errors of the stager; see services/stager/errors.py.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from services.stager.errors import Conflict, DataRejected
from shared.errors import DatabaseUnavailable, FatalError, StagelineError

# Generic to the type checker only.
Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record] | asyncpg.Connection[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

_AGAIN_AT_ONCE = frozenset({"40001", "40P01"})
"""Serialisation failure and deadlock: the other side has won, the next try sees it."""

_PASSING_CLASSES = frozenset({"08", "53", "57", "58"})
"""Connection lost, out of resources (disk full too), operator intervention, system error."""
_PASSING = frozenset({"25006", "55P03", "25P03", "25P04"})
"""Read-only (a failover is under way), lock not available, session or transaction timed out."""

_DATA_CLASSES = frozenset({"21", "22", "23", "54"})
"""Cardinality, data, integrity, program limit (an index row that is too wide)."""

_ACQUIRE_SECONDS = 10.0


def translated(exc: BaseException) -> StagelineError | None:
    """What an error of the driver means, or None for one that is not the driver's."""
    match exc:
        case asyncpg.PostgresError():
            return _by_state(exc)
        case asyncpg.InternalClientError():
            return DatabaseUnavailable(f"the driver failed: {type(exc).__name__}")
        case asyncpg.InterfaceError() | OSError() | TimeoutError():
            return DatabaseUnavailable(f"the connection failed: {type(exc).__name__}")
        case _:
            return None


def _by_state(exc: asyncpg.PostgresError) -> StagelineError:
    state = exc.sqlstate or ""
    if state in _AGAIN_AT_ONCE:
        return Conflict(f"sqlstate {state}")
    if not state or state[:2] in _PASSING_CLASSES or state in _PASSING:
        return DatabaseUnavailable(f"sqlstate {state or 'unknown'}")
    if state[:2] in _DATA_CLASSES:
        return DataRejected(f"sqlstate {state}")
    return FatalError(
        f"Postgres refuses a statement of ours, sqlstate {state}: {type(exc).__name__}"
    )


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """One transaction: commits at the end, rolls back on any exception.

    May block up to the statement timeout a statement. Raises the errors of
    services/stager/errors.py for whatever the driver raises; after DatabaseUnavailable at commit
    it is unknown whether it was stored, which the offset's expected value tells on the next try.
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
    """Whether Postgres takes a statement now; bounded by the pool's wait, never raises ours."""
    try:
        async with transaction(pool) as connection:
            return await connection.fetchval("SELECT true") is True
    except StagelineError:
        return False


def count(status: str) -> int:
    """Rows that a statement wrote, from its command tag."""
    return int(status.rpartition(" ")[2])
