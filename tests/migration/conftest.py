"""A database with nothing in it, and a connection of a service."""

from collections.abc import AsyncIterator

import pytest

from shared.storage.connect import DatabaseRole
from tests.support.database import Connection, connected, fresh_database


@pytest.fixture
async def empty_database_url(postgres_url: str) -> AsyncIterator[str]:
    """Address of a fresh database without a table; it is dropped afterwards."""
    async with fresh_database(postgres_url) as url:
        yield url


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Connection]:
    """Connection in the api's role, not yet set to a workspace."""
    async with connected(database_url, role=DatabaseRole.API) as connection:
        yield connection
