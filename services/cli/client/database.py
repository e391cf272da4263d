"""One short transaction as the connecting user, for operator commands."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from services.cli.client.errors import fail
from shared.settings import CommonSettings, load
from shared.storage.connect import DatabaseRole, create_engine

T = TypeVar("T")

_ADDRESSES = ("STAGELINE_DATABASE_URL", "STAGELINE_DATABASE_URL_FILE")


def in_transaction(work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Run `work` in one transaction on STAGELINE_DATABASE_URL. Blocks; raises its errors."""
    if not any(os.environ.get(name) for name in _ADDRESSES):
        fail(
            "this command works on the database: run it in the folder of `make run`, or set"
            " STAGELINE_DATABASE_URL"
        )
    return asyncio.run(transact(load(CommonSettings).database_url.get_secret_value(), work))


async def transact(database_url: str, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Run `work` in one transaction that commits when it returns."""
    engine = create_engine(database_url, role=DatabaseRole.OWNER, application_name="stageline-cli")
    try:
        async with engine.begin() as connection:
            return await work(connection)
    finally:
        await engine.dispose()
