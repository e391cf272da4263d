"""Which journeys of a workspace are in force, and which comes first for a query that names none."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.ids import DEFAULT_WORKSPACE
from shared.maps import parse
from shared.storage import journeys
from shared.storage.connect import DatabaseRole
from shared.storage.journeys import Publication
from tests.support.database import engine_of

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[AsyncConnection]:
    """In the api's role, which publishes and retires."""
    async with (
        engine_of(database_url, role=DatabaseRole.API) as engine,
        engine.begin() as connection,
    ):
        setting = func.set_config("stageline.workspace_id", str(DEFAULT_WORKSPACE), True)  # noqa: FBT003
        await connection.execute(select(setting))
        yield connection


async def publish(connection: AsyncConnection, key: str) -> Publication:
    text = (
        f"{{journey: {key}, title: T, subject: account, server_only: Paid, stages: [{{key: a, title: A}},"
        " {key: b, title: B, enter: {event: E}}]}"
    )
    return await journeys.publish(connection, DEFAULT_WORKSPACE, parse(text), text, "key", NOW)


async def retire(connection: AsyncConnection, key: str) -> Publication | None:
    return await journeys.retire(connection, DEFAULT_WORKSPACE, key, "key", NOW)


async def in_force(connection: AsyncConnection) -> list[tuple[str, int]]:
    return [
        (each.journey, each.version)
        for each in await journeys.current(connection, DEFAULT_WORKSPACE)
    ]


async def test_the_default_comes_first_then_the_order_of_the_first_publications(
    connection: AsyncConnection,
) -> None:
    for key in ("sales", "onboarding", "care"):
        await publish(connection, key)
    by_age = await in_force(connection)
    is_set = await journeys.set_default(connection, DEFAULT_WORKSPACE, "care")

    assert by_age == [("sales", 1), ("onboarding", 1), ("care", 1)]
    assert is_set
    assert await in_force(connection) == [("care", 1), ("sales", 1), ("onboarding", 1)]


async def test_a_retired_journey_is_in_force_again_in_its_place_once_it_is_published(
    connection: AsyncConnection,
) -> None:
    await publish(connection, "sales")
    await publish(connection, "care")

    first, again = await retire(connection, "sales"), await retire(connection, "sales")
    without = await in_force(connection)
    back = await publish(connection, "sales")

    assert first == Publication(version=2, changed=True)
    assert again == Publication(version=2, changed=False)
    assert without == [("care", 1)]
    assert back == Publication(version=3, changed=True)
    assert await in_force(connection) == [("sales", 3), ("care", 1)]


async def test_a_default_that_is_retired_gives_way_to_the_first_published_until_it_is_back(
    connection: AsyncConnection,
) -> None:
    for key in ("sales", "onboarding", "care"):
        await publish(connection, key)
    await journeys.set_default(connection, DEFAULT_WORKSPACE, "care")

    await retire(connection, "care")
    without = await in_force(connection)
    await publish(connection, "care")

    assert without == [("sales", 1), ("onboarding", 1)]
    assert (await in_force(connection))[0] == ("care", 3)


async def test_only_a_journey_in_force_can_be_the_default_or_be_retired(
    connection: AsyncConnection,
) -> None:
    await publish(connection, "sales")
    await retire(connection, "sales")

    assert not await journeys.set_default(connection, DEFAULT_WORKSPACE, "sales")
    assert not await journeys.set_default(connection, DEFAULT_WORKSPACE, "unknown")
    assert await retire(connection, "unknown") is None
