"""The api while its database is down, restarts, is slow or has no free connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest

from services.api.queries.connections import StageConnections, opener
from services.standalone.postgres import EmbeddedPostgres
from shared.errors import DatabaseUnavailable
from shared.ids import DEFAULT_WORKSPACE, WorkspaceId
from tests.integration.api.world import World, api_world
from tests.support.database import migrate
from tests.support.eventually import eventually
from tests.support.folders import postgres_folder

OTHER = WorkspaceId(2)
_STAGES = "SELECT subject_id FROM placement"


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with api_world(database_url) as world:
        yield world


@pytest.fixture
async def connections(world: World) -> AsyncIterator[StageConnections]:
    pool = StageConnections(
        opener(world.database_url, timeout_seconds=2.0),
        max_size=3,
        timeout_seconds=2.0,
    )
    yield pool
    pool.close()


async def test_a_connection_never_answers_for_another_workspace(
    world: World, connections: StageConnections
) -> None:
    """The statement has no filter, so only row-level security separates the workspaces."""
    for number in range(5):
        await world.account(f"ours-{number}")
        await world.account(f"theirs-{number}", workspace_id=OTHER)

    async def read(turn: int) -> None:
        workspace_id = OTHER if turn % 3 else DEFAULT_WORKSPACE
        rows = await connections.fetch(workspace_id, _STAGES)
        expected = "theirs" if turn % 3 else "ours"
        assert len(rows) == 5
        assert {row["subject_id"].partition("-")[0] for row in rows} == {expected}

    async with asyncio.TaskGroup() as group:
        for turn in range(300):
            group.create_task(read(turn))
    assert connections.size <= 3


async def test_a_workspace_gets_the_connection_that_it_used_last(
    connections: StageConnections,
) -> None:
    pid = "SELECT pg_backend_pid() AS pid"
    async with asyncio.TaskGroup() as group:
        first = group.create_task(connections.fetch(DEFAULT_WORKSPACE, pid))
        second = group.create_task(connections.fetch(OTHER, pid))
    ours, theirs = first.result()[0]["pid"], second.result()[0]["pid"]

    for _ in range(3):
        assert (await connections.fetch(OTHER, pid))[0]["pid"] == theirs
        assert (await connections.fetch(DEFAULT_WORKSPACE, pid))[0]["pid"] == ours


async def test_a_cancelled_read_leaves_no_connection_behind(
    world: World, connections: StageConnections
) -> None:
    async with asyncio.TaskGroup() as group:
        slow = [
            group.create_task(connections.fetch(DEFAULT_WORKSPACE, "SELECT pg_sleep(30)"))
            for _ in range(3)
        ]
        waiting = group.create_task(connections.fetch(OTHER, "SELECT 1 AS one"))
        await eventually(lambda: _sleeping(world, 3))
        for task in slow:
            task.cancel()

    assert (await waiting)[0]["one"] == 1
    await eventually(lambda: _sleeping(world, 0))
    rows = await asyncio.gather(
        *(connections.fetch(DEFAULT_WORKSPACE, "SELECT 2 AS two") for _ in range(10))
    )
    assert [row[0]["two"] for row in rows] == [2] * 10
    assert connections.size <= 3


async def _sleeping(world: World, count: int) -> bool:
    active = await world.owner.fetchval(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE state = 'active' AND query = 'SELECT pg_sleep(30)'"
        " AND datname = current_database()"
    )
    return bool(active == count)


async def test_a_read_that_takes_too_long_is_cancelled(connections: StageConnections) -> None:
    with pytest.raises(DatabaseUnavailable):
        await connections.fetch(DEFAULT_WORKSPACE, "SELECT pg_sleep(30)")


async def test_an_invalid_statement_is_not_reported_as_an_outage(
    connections: StageConnections,
) -> None:
    with pytest.raises(asyncpg.UndefinedColumnError):
        await connections.fetch(DEFAULT_WORKSPACE, "SELECT nothing FROM placement")

    assert (await connections.fetch(DEFAULT_WORKSPACE, "SELECT 1 AS one"))[0]["one"] == 1


async def test_connections_closed_by_postgres_are_replaced_without_an_error(world: World) -> None:
    await world.account("acme")
    await asyncio.gather(*(world.get("/v1/stage", account_id="acme") for _ in range(6)))
    await world.get("/v1/accounts")
    await world.owner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    answers = await asyncio.gather(*(world.get("/v1/stage", account_id="acme") for _ in range(6)))
    listed = await world.get("/v1/accounts")

    assert [answer.status_code for answer in answers] == [200] * 6
    assert listed.status_code == 200


async def test_a_locked_table_is_a_503_in_time_and_a_200_afterwards(world: World) -> None:
    await world.account("acme")
    async with world.owner.transaction():
        await world.owner.execute("LOCK TABLE placement IN ACCESS EXCLUSIVE MODE")
        answer = await world.get("/v1/stage", account_id="acme")

    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert answer.headers["retry-after"] == "2"
    assert (await world.get("/v1/stage", account_id="acme")).status_code == 200


async def test_while_postgres_is_down_every_route_answers_503_and_recovers() -> None:
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(postgres_folder())
        server = EmbeddedPostgres(folder / "pg", durable=False)
        with server:
            await migrate(server.url)
            world = await stack.enter_async_context(
                api_world(server.url, stage_timeout_seconds=1.0)
            )
            await world.account("acme")
            for call in _CALLS:
                assert (await world.get(call)).status_code == 200
            assert (await world.client.get("/readyz")).status_code == 200
            await world.owner.close()

        for call in _CALLS:
            answer = await world.get(call)

            assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
            assert answer.headers["retry-after"] == "2"
        stranger = await world.get("/v1/alerts", key="sl_sk_000000000000_" + "0" * 48)
        assert (stranger.status_code, stranger.json()["code"]) == (503, "keys_unavailable")
        assert stranger.headers["retry-after"].isdigit()

        async def not_ready() -> bool:
            return (await world.client.get("/readyz")).status_code == 503

        await eventually(not_ready)
        with server:

            async def well() -> bool:
                return all([(await world.get(call)).status_code == 200 for call in _CALLS])

            await eventually(well)
            await world.api.close()


_CALLS = (
    "/v1/stage?account_id=acme",
    "/v1/accounts",
    "/v1/accounts/acme",
    "/v1/alerts",
    "/v1/journeys",
)
