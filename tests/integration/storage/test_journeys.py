import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.ids import DEFAULT_WORKSPACE, WorkspaceId
from shared.maps import MapDocument, parse, templates
from shared.storage import journeys
from shared.storage.connect import DatabaseRole
from shared.storage.journeys import Publication
from shared.storage.tables import journey_version, refold_job, workspace
from tests.support.database import engine_of

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def source(title: str, key: str = "small") -> str:
    return f"""\
journey: {key}
title: {title}
subject: account
stages:
  - {{key: first, title: First}}
  - {{key: second, title: Second, enter: {{event: Order Completed}}}}
"""


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[AsyncEngine]:
    async with engine_of(database_url, role=DatabaseRole.API) as engine:
        yield engine


@pytest.fixture
async def other_workspace(owner_engine: AsyncEngine) -> WorkspaceId:
    async with owner_engine.begin() as connection:
        added = await connection.execute(
            insert(workspace).values(name="other").returning(workspace.c.workspace_id)
        )
        return WorkspaceId(added.scalar_one())


async def act_for(connection: AsyncConnection, workspace_id: WorkspaceId) -> None:
    setting = func.set_config("stageline.workspace_id", str(workspace_id), False)  # noqa: FBT003
    await connection.execute(select(setting))


async def publish(
    engine: AsyncEngine,
    title: str,
    *,
    key: str = "small",
    workspace_id: WorkspaceId = DEFAULT_WORKSPACE,
    now: datetime = NOW,
) -> Publication:
    async with engine.begin() as connection:
        await act_for(connection, workspace_id)
        written = source(title, key)
        return await journeys.publish(
            connection, workspace_id, parse(written), written, "key_1", now
        )


async def count(engine: AsyncEngine, workspace_id: WorkspaceId) -> tuple[int, int]:
    """Versions and re-fold jobs that there are."""
    async with engine.begin() as connection:
        versions = await connection.scalar(
            select(func.count())
            .select_from(journey_version)
            .where(journey_version.c.workspace_id == workspace_id)
        )
        jobs = await connection.scalar(
            select(func.count())
            .select_from(refold_job)
            .where(refold_job.c.workspace_id == workspace_id)
        )
    assert versions is not None
    assert jobs is not None
    return versions, jobs


async def test_each_change_is_the_next_version_with_a_job_that_applies_it(
    api: AsyncEngine, owner_engine: AsyncEngine
) -> None:
    first = await publish(api, "One")
    second = await publish(api, "Two", now=LATER)

    assert first == Publication(version=1, changed=True)
    assert second == Publication(version=2, changed=True)
    async with owner_engine.begin() as connection:
        jobs = (
            await connection.execute(
                select(refold_job.c.journey, refold_job.c.version, refold_job.c.created_at)
                .where(refold_job.c.workspace_id == DEFAULT_WORKSPACE)
                .order_by(refold_job.c.version)
            )
        ).all()
    assert [tuple(job) for job in jobs] == [("small", 1, NOW), ("small", 2, LATER)]


async def test_publishing_what_is_in_force_writes_nothing(
    api: AsyncEngine, owner_engine: AsyncEngine
) -> None:
    await publish(api, "One")
    again = await publish(api, "One", now=LATER)

    assert again == Publication(version=1, changed=False)
    assert await count(owner_engine, DEFAULT_WORKSPACE) == (1, 1)


async def test_an_older_map_can_be_published_again(api: AsyncEngine) -> None:
    await publish(api, "One")
    await publish(api, "Two")
    back = await publish(api, "One")

    assert back == Publication(version=3, changed=True)


async def test_a_stored_version_reads_back_as_it_was_written(api: AsyncEngine) -> None:
    written = templates.read("b2b-jtbd-7")
    document: MapDocument = parse(written)
    async with api.begin() as connection:
        await act_for(connection, DEFAULT_WORKSPACE)
        await journeys.publish(connection, DEFAULT_WORKSPACE, document, written, "key_1", NOW)
        stored = await journeys.get(connection, DEFAULT_WORKSPACE, "b2b-jtbd-7")

    assert stored is not None
    assert stored.source == written
    assert stored.document() == document
    assert stored.compiled().journey.version == 1
    assert stored.published_at == NOW
    assert stored.published_by == "key_1"


async def test_versions_are_found_one_by_one_and_all_together(api: AsyncEngine) -> None:
    await publish(api, "One")
    await publish(api, "Two")
    await publish(api, "Next to it", key="another")
    async with api.begin() as connection:
        await act_for(connection, DEFAULT_WORKSPACE)
        current = await journeys.current(connection, DEFAULT_WORKSPACE)
        old = await journeys.get(connection, DEFAULT_WORKSPACE, "small", 1)
        missing = await journeys.get(connection, DEFAULT_WORKSPACE, "small", 3)
        unknown = await journeys.get(connection, DEFAULT_WORKSPACE, "unknown")

    assert [(each.journey, each.version) for each in current] == [("small", 2), ("another", 1)]
    assert old is not None
    assert old.definition["title"] == "One"
    assert missing is None
    assert unknown is None


async def test_two_who_publish_at_once_get_consecutive_versions(
    api: AsyncEngine, owner_engine: AsyncEngine
) -> None:
    first_has_written = asyncio.Event()

    async def slow() -> Publication:
        async with api.begin() as connection:
            await act_for(connection, DEFAULT_WORKSPACE)
            written = source("Slow")
            published = await journeys.publish(
                connection, DEFAULT_WORKSPACE, parse(written), written, "key_1", NOW
            )
            first_has_written.set()
            await wait_until_a_session_waits(owner_engine)
            return published

    async def quick() -> Publication:
        await first_has_written.wait()
        return await publish(api, "Quick")

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        slow_task = tasks.create_task(slow(), name="slow")
        quick_task = tasks.create_task(quick(), name="quick")

    assert slow_task.result() == Publication(version=1, changed=True)
    assert quick_task.result() == Publication(version=2, changed=True)


async def test_a_crowd_that_publishes_one_map_makes_one_version(
    api: AsyncEngine, owner_engine: AsyncEngine
) -> None:
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        all_tasks = [
            tasks.create_task(publish(api, "Same"), name=f"publisher-{n}") for n in range(6)
        ]

    results = [task.result() for task in all_tasks]
    assert sorted(result.changed for result in results) == [False] * 5 + [True]
    assert {result.version for result in results} == {1}
    assert await count(owner_engine, DEFAULT_WORKSPACE) == (1, 1)


async def wait_until_a_session_waits(owner_engine: AsyncEngine) -> None:
    """Hold on until another session queues for the lock that publishing takes."""
    waiting = text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    while True:
        async with owner_engine.begin() as connection:
            if await connection.scalar(waiting):
                return


async def test_a_reader_who_asks_for_newer_ones_never_misses_a_publication(
    api: AsyncEngine, owner_engine: AsyncEngine, other_workspace: WorkspaceId
) -> None:
    """Publications of different workspaces, too, become visible in the order of their numbers."""
    await publish(api, "Known already")
    async with owner_engine.begin() as connection:
        newest = (await journeys.newer_than(connection, 0))[-1].publication
    first_has_written = asyncio.Event()

    async def slow() -> None:
        async with api.begin() as connection:
            await act_for(connection, DEFAULT_WORKSPACE)
            written = source("Slow")
            await journeys.publish(
                connection, DEFAULT_WORKSPACE, parse(written), written, "key_1", NOW
            )
            first_has_written.set()
            await wait_until_a_session_waits(owner_engine)

    async def quick() -> None:
        await first_has_written.wait()
        await publish(api, "Quick", workspace_id=other_workspace)

    seen: list[str] = []

    async def read() -> None:
        at = newest
        while len(seen) < 2:
            async with owner_engine.begin() as connection:
                for each in await journeys.newer_than(connection, at):
                    seen.append(each.definition["title"])
                    at = each.publication

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(slow(), name="slow")
        tasks.create_task(quick(), name="quick")
        tasks.create_task(read(), name="reader")

    assert seen == ["Slow", "Quick"]


async def test_nothing_of_another_workspace_is_seen_or_written(
    api: AsyncEngine, other_workspace: WorkspaceId
) -> None:
    await publish(api, "Ours")
    async with api.begin() as connection:
        await act_for(connection, other_workspace)
        assert await journeys.current(connection, DEFAULT_WORKSPACE) == []
        assert await journeys.current(connection, other_workspace) == []
        assert await journeys.get(connection, DEFAULT_WORKSPACE, "small") is None
        assert await journeys.get(connection, DEFAULT_WORKSPACE, "small", 1) is None
        assert await journeys.newer_than(connection, 0) == []

    theirs = await publish(api, "Theirs", workspace_id=other_workspace)
    assert theirs == Publication(version=1, changed=True)

    async with api.connect() as connection:
        await act_for(connection, other_workspace)
        written = source("Intruder")
        with pytest.raises(DBAPIError, match="row-level security"):
            await journeys.publish(
                connection, DEFAULT_WORKSPACE, parse(written), written, "key_1", NOW
            )


async def test_the_stager_reads_maps_of_all_workspaces(
    api: AsyncEngine, database_url: str, other_workspace: WorkspaceId
) -> None:
    await publish(api, "Ours")
    await publish(api, "Theirs", workspace_id=other_workspace)
    async with (
        engine_of(database_url, role=DatabaseRole.STAGER) as stager,
        stager.begin() as connection,
    ):
        everything = await journeys.newer_than(connection, 0)
        rest = await journeys.newer_than(connection, everything[0].publication)

    assert [(each.workspace_id, each.journey) for each in everything] == [
        (DEFAULT_WORKSPACE, "small"),
        (other_workspace, "small"),
    ]
    assert rest == everything[1:]
