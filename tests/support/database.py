"""Databases of tests: made, migrated, and read by the owner of their tables."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.storage.connect import DatabaseRole, connect, create_engine

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection

_ROOT = Path(__file__).parent.parent.parent


@asynccontextmanager
async def connected(
    database_url: str, *, role: DatabaseRole = DatabaseRole.OWNER
) -> AsyncIterator[Connection]:
    """One connection as the owner of the tables, or in the role given."""
    connection = await connect(database_url, role=role, application_name="test")
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def engine_of(
    database_url: str, *, role: DatabaseRole = DatabaseRole.OWNER
) -> AsyncIterator[AsyncEngine]:
    """An engine as the owner of the tables, or in the role given."""
    engine = create_engine(database_url, role=role, application_name="test")
    try:
        yield engine
    finally:
        await engine.dispose()


@asynccontextmanager
async def owner_transaction(database_url: str) -> AsyncIterator[AsyncConnection]:
    """One transaction of the tables' owner, for the storage functions of the product."""
    async with engine_of(database_url) as engine, engine.begin() as connection:
        yield connection


async def execute(database_url: str, statement: str, *values: object) -> None:
    """Run one statement outside any transaction."""
    async with connected(database_url) as owner:
        await owner.execute(statement, *values)


def with_database(url: str, name: str) -> str:
    """The same server, another database."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


@asynccontextmanager
async def fresh_database(server_url: str, *, template: str | None = None) -> AsyncIterator[str]:
    """Address of a new database, empty or a copy of `template`; it is dropped afterwards."""
    name = f"test_{uuid4().hex[:12]}"
    # Files are copied several times faster than blocks through the log of a server that never syncs.
    copied = f' TEMPLATE "{template}" STRATEGY FILE_COPY' if template else ""
    await execute(server_url, f'CREATE DATABASE "{name}"{copied}')
    try:
        yield with_database(server_url, name)
    finally:
        await execute(server_url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def alembic_config(database_url: str) -> Config:
    """Alembic's settings for one database, independent of the working folder."""
    config = Config(str(_ROOT / "alembic.ini"))
    config.set_main_option("script_location", str(_ROOT / "migrations"))
    config.attributes["database_url"] = database_url
    return config


async def run_alembic(alembic: Callable[..., object], database_url: str, *arguments: str) -> None:
    """Run one of Alembic's commands: it starts an event loop of its own, so it needs a thread."""
    await asyncio.to_thread(alembic, alembic_config(database_url), *arguments)


async def migrate(database_url: str) -> None:
    """Bring a database to the newest migration."""
    await run_alembic(command.upgrade, database_url, "head")
