"""One short transaction as the connecting user, for operator commands."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.settings import CommonSettings, load
from shared.storage.connect import DatabaseRole, create_engine

T = TypeVar("T")


def in_transaction(work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Run `work` in one transaction on STAGELINE_DATABASE_URL. Blocks; raises its errors."""
    return asyncio.run(transact(load(CommonSettings).database_url.get_secret_value(), work))


async def transact(database_url: str, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Run `work` in one transaction that commits when it returns."""
    engine = create_engine(database_url, role=DatabaseRole.OWNER, application_name="stageline-cli")
    try:
        async with engine.begin() as connection:
            return await work(connection)
    finally:
        await engine.dispose()
