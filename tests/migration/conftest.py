"""A database with nothing in it, and Alembic aimed at it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import asyncpg
import pytest
from alembic.config import Config

from shared.storage.connect import DatabaseRole, connect
from tests.conftest import ROOT, with_database

Alembic = Callable[..., None]


@pytest.fixture
async def empty_database_url(postgres_url: str) -> AsyncIterator[str]:
    """Address of a fresh database without a table; it is dropped afterwards."""
    name = f"empty_{uuid4().hex[:12]}"
    server = await connect(postgres_url, role=DatabaseRole.OWNER, application_name="tests")
    try:
        await server.execute(f'CREATE DATABASE "{name}"')
        yield with_database(postgres_url, name)
        await server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await server.close()


def alembic_config(database_url: str) -> Config:
    """Alembic's settings for one database, whatever the working folder is."""
    config = Config(str(ROOT / "alembic.ini"))
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["database_url"] = database_url
    return config


async def run(command: Callable[..., object], database_url: str, *arguments: str) -> None:
    """Run one of Alembic's commands: it starts an event loop of its own, so it needs a thread."""
    await asyncio.to_thread(command, alembic_config(database_url), *arguments)


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Connection as the owner of a migrated database's tables."""
    connection = await connect(database_url, role=DatabaseRole.OWNER, application_name="tests")
    yield connection
    await connection.close()


@pytest.fixture
async def api(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Connection in the api's role, not yet set to a workspace."""
    connection = await connect(database_url, role=DatabaseRole.API, application_name="tests")
    yield connection
    await connection.close()
