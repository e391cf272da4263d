"""What ingest reads of a workspace's rules: server-only events, usage, settings it understands."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime

import pytest

from shared.clock import ManualClock
from shared.ids import DEFAULT_WORKSPACE, WorkspaceId
from shared.sources.registry import SourceRegistry
from shared.sources.source import DailyUsage
from shared.storage import sources
from shared.storage.connect import DatabaseRole
from tests.integration.api.world import MAP, NOW, SHOP, World, api_world
from tests.support.database import engine_of

TODAY = date(2026, 3, 10)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with api_world(database_url) as world:
        yield world


@pytest.fixture
async def registry(database_url: str) -> AsyncIterator[SourceRegistry]:
    async with engine_of(database_url, role=DatabaseRole.INGEST) as engine:
        yield SourceRegistry(sources.loader(engine, ManualClock(NOW)), spacing_seconds=0.0)


async def server_only(registry: SourceRegistry, workspace_id: WorkspaceId) -> set[str]:
    assert await registry.refresh()
    rules = registry.rules(workspace_id)
    assert rules is not None
    return set(rules.server_only)


async def test_the_newest_maps_of_a_workspace_say_together_what_comes_from_servers(
    world: World, registry: SourceRegistry
) -> None:
    maps = (
        MAP,
        f"{MAP}server_only: [Order Completed, Deal Lost, Order Completed]\n",
        f"{SHOP}server_only: Product Added\n",
        MAP.replace("title: Sales", "title: Selling"),
    )
    rules = []
    for source in maps:
        await world.publish(source)
        rules.append(await server_only(registry, DEFAULT_WORKSPACE))

    assert rules == [
        set(),
        {"Order Completed", "Deal Lost"},
        {"Order Completed", "Deal Lost", "Product Added"},
        {"Product Added"},
    ]
    assert await server_only(registry, world.foreign_workspace) == set()


async def test_usage_is_that_of_the_day_in_utc(world: World, registry: SourceRegistry) -> None:
    await world.source("src_1")
    for day, accepted in ((TODAY, 7), (date(2026, 3, 9), 100)):
        await world.owner.execute(
            "INSERT INTO source_usage (workspace_id, source_id, day, accepted) VALUES ($1, $2, $3, $4)",
            DEFAULT_WORKSPACE, "src_1", day, accepted,
        )  # fmt: skip

    assert await registry.refresh()

    assert registry.usage("src_1") == DailyUsage(TODAY, 7)
    assert registry.usage("src_2") is None


@pytest.mark.parametrize(
    "settings",
    [
        {"deny_properties": ["propertys.card"]},
        {"ip": "shorten"},
        {"of_a_newer_version": True},
        {"hash_fields": "email"},
        [],
    ],
)
async def test_settings_that_are_not_understood_make_a_source_unknown(
    world: World, registry: SourceRegistry, settings: object
) -> None:
    await world.source("src_1")
    await world.source("src_2")
    await world.owner.execute(
        "UPDATE source SET settings = $1 WHERE source_id = 'src_1'", json.dumps(settings)
    )

    assert await registry.refresh()

    assert registry.cached("src_1") is None
    assert registry.cached("src_2") is not None


async def test_a_change_that_ends_late_is_not_missed(
    world: World, registry: SourceRegistry
) -> None:
    """Numbers are given out before transactions end."""
    early = datetime(2026, 3, 10, tzinfo=UTC)

    async def put(digest: bytes, change: int) -> None:
        await world.owner.execute(
            "INSERT INTO suppression (workspace_id, digest, change, suppressed_at)"
            " VALUES ($1, $2, $3, $4)",
            DEFAULT_WORKSPACE, digest, change, early,
        )  # fmt: skip

    await put(b"late number", 900)
    await registry.refresh()
    await put(b"early number", 899)
    await registry.refresh()

    assert registry.suppressed(DEFAULT_WORKSPACE) == {b"late number", b"early number"}
