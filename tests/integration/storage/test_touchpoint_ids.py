"""A touchpoint is found by its id as it was sent, behind whatever scope it is stored."""

from collections.abc import AsyncIterator

import pytest

from shared.contracts.message_ids import narrowed
from shared.errors import DatabaseUnavailable
from shared.ids import DEFAULT_WORKSPACE
from shared.storage.connect import DatabaseRole, create_engine
from shared.storage.retractions.touchpoint_ids import TouchpointIds
from tests.support.database import connected

STORED = (
    "1001",
    "~odd id without a scope",
    "~s.shop/1001",
    "~s.shop/10011",
    "~s/1001",
    "~w.shop/1001",
    narrowed("~s.shop/1001", b"billing"),
    narrowed("~s.shop/1001", b"delivery"),
    narrowed("~s.gone/2/2", b"x"),
    "~s.gone/100%_1",
)


@pytest.fixture
async def ids(database_url: str) -> AsyncIterator[TouchpointIds]:
    async with connected(database_url) as owner:
        for workspace, message_ids in ((DEFAULT_WORKSPACE, STORED), (2, ("~s.other/1001",))):
            for each in message_ids:
                await owner.execute(
                    "INSERT INTO touchpoint VALUES ($1, $2, 'acme', NULL, now(), now(), '{}')",
                    workspace,
                    each,
                )
        await owner.execute("INSERT INTO imported_event VALUES (1, 'i-1', '1001')")
    engine = create_engine(
        database_url, role=DatabaseRole.INGEST, application_name="test", pool_size=1
    )
    yield TouchpointIds(engine=engine, timeout_seconds=10)
    await engine.dispose()


@pytest.mark.parametrize(
    ("sent", "source", "expected"),
    [
        (
            "1001",
            None,
            ["1001", *STORED[6:8], "~s.shop/1001", "~s/1001", "~w.shop/1001"],
        ),
        ("1001", "src_shop", [*STORED[6:8], "~s.shop/1001", "~w.shop/1001"]),
        ("1001", "none", ["~s/1001"]),
        ("1001", "src_other", []),
        ("2/2", None, [STORED[8]]),
        ("100%_1", None, ["~s.gone/100%_1"]),
        ("~odd id without a scope", None, ["~odd id without a scope"]),
        ("100", None, []),
        ("", None, []),
    ],
)
async def test_an_id_as_sent_finds_what_is_stored_of_it(
    ids: TouchpointIds, sent: str, source: str | None, expected: list[str]
) -> None:
    assert sorted(await ids.ids_of(DEFAULT_WORKSPACE, sent, source)) == sorted(expected)


async def test_an_import_is_there_where_a_touchpoint_of_it_is_stored(ids: TouchpointIds) -> None:
    assert await ids.has_import(DEFAULT_WORKSPACE, "i-1")
    assert not await ids.has_import(DEFAULT_WORKSPACE, "i-2")


async def test_a_database_that_does_not_answer_is_unavailable() -> None:
    engine = create_engine(
        "postgresql://nobody@127.0.0.1:1/none",
        role=DatabaseRole.INGEST,
        application_name="test",
        pool_size=1,
    )
    with pytest.raises(DatabaseUnavailable):
        await TouchpointIds(engine=engine, timeout_seconds=5).has_import(DEFAULT_WORKSPACE, "i-1")
    await engine.dispose()
