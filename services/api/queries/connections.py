"""Connections that are bound to one workspace at a time.

The role of the api sees no row until its connection names a workspace (`stageline.workspace_id`).
Cold paths set it for each transaction. The hot path cannot afford a second round trip, so
`StageConnections` tracks the workspace of each connection and changes it only when another workspace
needs the connection. The setting belongs to the session: a pooler in front of Postgres must pool
sessions.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.errors import DatabaseUnavailable
from shared.ids import WorkspaceId
from shared.storage.connect import DatabaseRole, connect
from shared.storage.errors import (
    DRIVER_ERRORS,
    is_connection_lost,
    is_transient,
    transient_as_unavailable,
)

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Connect = Callable[[], Awaitable[Connection]]

# Sets the workspace for the rest of the session; the policies of row-level security read it.
_BIND_SESSION = "SELECT set_config('stageline.workspace_id', $1, false)"

# The same for one transaction.
_BIND_TRANSACTION = text("SELECT set_config('stageline.workspace_id', :workspace_id, true)")

UNAVAILABLE = "the database cannot be reached or refuses work for now"


def opener(database_url: str, *, timeout_seconds: float) -> Connect:
    """Function that opens a stage connection, in the api's role.

    The server cancels a statement after the same timeout: closing the connection would not stop it.
    """

    async def open_one() -> Connection:
        connection = await connect(
            database_url, role=DatabaseRole.API, application_name="stageline-api-stage"
        )
        await connection.execute(f"SET statement_timeout = {round(timeout_seconds * 1000)}")
        return connection

    return open_one


@asynccontextmanager
async def workspace_transaction(
    engine: AsyncEngine, workspace_id: WorkspaceId
) -> AsyncIterator[AsyncConnection]:
    """One transaction that sees one workspace; commits at the end. Raises DatabaseUnavailable."""
    with transient_as_unavailable(UNAVAILABLE):
        async with engine.begin() as connection:
            await connection.execute(_BIND_TRANSACTION, {"workspace_id": str(workspace_id)})
            yield connection


class _Bound:
    """A connection, the workspace that it is set to and the statements prepared on it."""

    __slots__ = ("connection", "is_proven", "prepared", "workspace_id")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.is_proven = False
        self.workspace_id: WorkspaceId | None = None
        self.prepared: dict[str, Any] = {}


def _is_gone(exc: BaseException) -> bool:
    """Whether the connection, or a statement prepared on it, can no longer be used."""
    return is_connection_lost(exc) or isinstance(exc, asyncpg.InvalidCachedStatementError)


class StageConnections:
    """A pool for one-statement reads that hands a workspace the connection it used last.

    Invariants: a statement runs only while `_Bound.workspace_id` is its workspace; it is None during a
    change. A connection whose last read did not complete (cancelled, timed out, lost) is never used
    again. Waiting reads are served in order.
    """

    def __init__(
        self, connect: Connect, *, max_size: int = 8, timeout_seconds: float = 3.0
    ) -> None:
        """`connect` opens a connection in the api's role. Nothing is opened before the first read."""
        self._connect = connect
        self._max_size = max_size
        self._timeout_seconds = timeout_seconds
        self._idle: list[_Bound] = []
        self._size = 0
        self._waiting: deque[asyncio.Future[_Bound | None]] = deque()
        self._is_closed = False

    @property
    def size(self) -> int:
        """Connections open or opening."""
        return self._size

    async def fetch(
        self, workspace_id: WorkspaceId, statement: str, *arguments: object
    ) -> Sequence[asyncpg.Record]:
        """Rows of `statement`, read as `workspace_id`. Raises DatabaseUnavailable.

        If a connection died while it was idle (Postgres was restarted), the read is repeated on
        another one, which is safe because it only reads.
        """
        try:
            async with asyncio.timeout(self._timeout_seconds):
                while True:
                    bound = await self._acquire(workspace_id)
                    was_proven = bound.is_proven
                    try:
                        return await self._read(bound, workspace_id, statement, arguments)
                    except DRIVER_ERRORS as exc:
                        # The connection died, or its statements became stale, while it was idle.
                        if not was_proven or not _is_gone(exc):
                            raise
        except DRIVER_ERRORS as exc:
            if not is_transient(exc):
                raise
            raise DatabaseUnavailable("the database did not answer a stage query") from exc

    async def _read(
        self, bound: _Bound, workspace_id: WorkspaceId, statement: str, arguments: Sequence[Any]
    ) -> Sequence[asyncpg.Record]:
        is_sound = False
        try:
            if bound.workspace_id != workspace_id:
                bound.workspace_id = None
                await bound.connection.fetchval(_BIND_SESSION, str(workspace_id))
                bound.workspace_id = workspace_id
            prepared = bound.prepared.get(statement)
            if prepared is None:
                prepared = await bound.connection.prepare(statement)
                bound.prepared[statement] = prepared
            rows: Sequence[asyncpg.Record] = await prepared.fetch(*arguments)
            is_sound = bound.is_proven = True
            return rows
        finally:
            self._release(bound, is_sound=is_sound)

    async def _acquire(self, workspace_id: WorkspaceId) -> _Bound:
        while True:
            if self._is_closed:
                message = "the stage connections are closed"
                raise DatabaseUnavailable(message)
            while self._idle:
                bound = self._pop_idle(workspace_id)
                if not bound.connection.is_closed():
                    return bound
                self._discard(bound)
            if self._size < self._max_size:
                return await self._open()
            handed = await self._wait_for_turn()
            if handed is not None:
                return handed

    def _pop_idle(self, workspace_id: WorkspaceId) -> _Bound:
        # Newest first: its caches are warm, and the rest may stay idle.
        for position in range(len(self._idle) - 1, -1, -1):
            if self._idle[position].workspace_id == workspace_id:
                return self._idle.pop(position)
        return self._idle.pop()

    async def _open(self) -> _Bound:
        self._size += 1
        try:
            return _Bound(await self._connect())
        except BaseException:
            self._size -= 1
            self._hand_over(None)
            raise

    async def _wait_for_turn(self) -> _Bound | None:
        """Wait for a connection, or for None: one may be opened."""
        turn: asyncio.Future[_Bound | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):  # `_hand_over` may have dropped it already
                    self._waiting.remove(turn)
            elif (handed := turn.result()) is not None:
                self._release(handed, is_sound=True)  # handed over while this read was cancelled
            else:
                self._hand_over(None)
            raise

    def _hand_over(self, bound: _Bound | None) -> bool:
        """Hand `bound` to the read that has waited longest; False if none waits."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # a cancelled one may still be in the queue
                turn.set_result(bound)
                return True
        return False

    def _release(self, bound: _Bound, *, is_sound: bool) -> None:
        if is_sound and not self._is_closed:
            if not self._hand_over(bound):
                self._idle.append(bound)
            return
        # A read that did not complete may still run on the server: only closing the connection ensures
        # that its rows do not reach another read.
        self._discard(bound)
        self._hand_over(None)

    def _discard(self, bound: _Bound) -> None:
        self._size -= 1
        if not bound.connection.is_closed():
            bound.connection.terminate()

    def close(self) -> None:
        """Close idle connections now, the others when they are released. Later reads fail."""
        self._is_closed = True
        while self._idle:
            self._discard(self._idle.pop())
        while self._hand_over(None):
            pass
