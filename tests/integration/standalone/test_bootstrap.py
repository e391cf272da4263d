"""What a first start makes in a folder, and what a start after an update adds."""

from pathlib import Path

from services.standalone.bootstrap import bootstrap
from services.standalone.credentials import Credentials
from shared.clock import SystemClock
from shared.ids import DEFAULT_WORKSPACE
from shared.storage import journeys
from tests.support.database import Connection, owner_transaction


async def bootstrapped(database_url: str, home: Path) -> Credentials:
    return await bootstrap(database_url, home, base_url="http://localhost", now=SystemClock().now())


async def source_of(owner: Connection, token: str) -> str | None:
    name: str | None = await owner.fetchval(
        "SELECT s.name FROM api_key k JOIN source s USING (workspace_id, source_id)"
        " WHERE k.key_id = $1",
        token.split("_")[2],
    )
    return name


async def test_the_write_key_belongs_to_a_source_that_can_be_watched(
    database_url: str, owner: Connection, tmp_path: Path
) -> None:
    first = await bootstrapped(database_url, tmp_path)
    second = await bootstrapped(database_url, tmp_path)

    assert (second.write_key, second.secret_key) == (first.write_key, first.secret_key)
    assert await source_of(owner, first.write_key) == "website"
    assert await owner.fetchval("SELECT count(*) FROM source") == 1


async def test_keys_of_an_earlier_version_get_a_source_and_the_rights_that_have_come_since(
    database_url: str, owner: Connection, tmp_path: Path
) -> None:
    before = await bootstrapped(database_url, tmp_path)
    await owner.execute("UPDATE api_key SET source_id = NULL")
    await owner.execute("DELETE FROM source")
    await owner.execute("UPDATE api_key SET scopes = '{stages:read}' WHERE kind = 'secret'")

    after = await bootstrapped(database_url, tmp_path)

    assert after.write_key == before.write_key
    assert await source_of(owner, after.write_key) == "website"
    assert after.secret_key != before.secret_key


async def test_a_source_that_was_renamed_keeps_its_key(
    database_url: str, owner: Connection, tmp_path: Path
) -> None:
    credentials = await bootstrapped(database_url, tmp_path)
    await owner.execute("UPDATE source SET name = 'shop'")
    await bootstrapped(database_url, tmp_path)

    assert await source_of(owner, credentials.write_key) == "shop"
    assert await owner.fetchval("SELECT count(*) FROM source") == 1


async def test_a_source_of_that_name_that_takes_no_keys_is_left_alone(
    database_url: str, owner: Connection, tmp_path: Path
) -> None:
    await owner.execute(
        "INSERT INTO source (workspace_id, source_id, name, kind, created_at)"
        " VALUES (1, 'src_1', 'website', 'stripe', now())"
    )
    credentials = await bootstrapped(database_url, tmp_path)

    assert await source_of(owner, credentials.write_key) is None


async def test_without_a_sample_no_map_is_published(
    database_url: str, owner: Connection, tmp_path: Path
) -> None:
    now = SystemClock().now()
    await bootstrap(database_url, tmp_path, base_url="http://localhost", now=now, map_name=None)

    assert await owner.fetchval("SELECT count(*) FROM journey_version") == 0


async def test_a_sample_map_that_was_retired_stays_retired_at_the_next_start(
    database_url: str, owner: Connection, tmp_path: Path
) -> None:
    await bootstrapped(database_url, tmp_path)
    async with owner_transaction(database_url) as connection:
        await journeys.retire(
            connection, DEFAULT_WORKSPACE, "b2b-jtbd-7", "key", SystemClock().now()
        )

    await bootstrapped(database_url, tmp_path)

    newest = "SELECT version, is_retired FROM journey_version ORDER BY version DESC LIMIT 1"
    assert tuple(await owner.fetchrow(newest) or ()) == (2, True)


OPEN = """UPDATE source SET settings = (settings::jsonb
    || '{"max_age_days": null, "value": "keep", "account_traits": "keep"}')::json"""
SETTINGS = "SELECT settings->>'max_age_days', settings->>'value' FROM source"


async def test_the_website_is_closed_also_where_an_earlier_version_made_it_open(
    database_url: str, owner: Connection, tmp_path: Path
) -> None:
    await bootstrapped(database_url, tmp_path)
    first = await owner.fetchrow(SETTINGS)
    await owner.execute(OPEN)

    await bootstrapped(database_url, tmp_path)

    assert tuple(first or ()) == ("7.0", "drop")
    assert tuple(await owner.fetchrow(SETTINGS) or ()) == ("7.0", "drop")


async def test_a_website_that_was_configured_stays_as_it_is(
    database_url: str, owner: Connection, tmp_path: Path
) -> None:
    await bootstrapped(database_url, tmp_path)
    await owner.execute(OPEN)
    await owner.execute(
        "UPDATE source SET settings = (settings::jsonb || '{\"max_age_days\": 36500}')::json"
    )

    await bootstrapped(database_url, tmp_path)

    assert tuple(await owner.fetchrow(SETTINGS) or ()) == ("36500", "keep")
