"""Case D5: a service on a database whose schema is not its own says so and ends, or waits for a migration."""

from pathlib import Path

import httpx
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import make_url

from shared.storage.revision import MIGRATION_LOCK, REVISION
from tests.conftest import ROOT
from tests.support.database import connected
from tests.support.eventually import eventually
from tests.support.processes import ServiceProcess
from tests.support.services import Log, environ_of

SERVICES = ("ingest", "stager", "api")


@pytest.fixture(params=SERVICES)
def name(request: pytest.FixtureRequest) -> str:
    service: str = request.param
    return service


async def _ended(name: str, database_url: str, folder: Path) -> str:
    """What a service writes that is to end with 1 by itself."""
    async with ServiceProcess(name, environ_of(database_url, Log()), folder) as process:
        assert await process.ended() == 1
        return process.output()


@pytest.fixture
async def older_database_url(database_url: str) -> str:
    async with connected(database_url) as owner:
        await owner.execute("UPDATE alembic_version SET version_num = '0001'")
    return database_url


def test_the_release_names_its_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))

    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


async def test_an_older_schema_is_named_with_the_command(
    name: str, older_database_url: str, tmp_path: Path
) -> None:
    output = await _ended(name, older_database_url, tmp_path)

    assert f"schema is 0001, this release needs {REVISION}: run `stageline migrate`" in output
    assert "Traceback" not in output


async def test_an_empty_database_is_named_and_not_waited_for(
    name: str, empty_database_url: str, tmp_path: Path
) -> None:
    output = await _ended(name, empty_database_url, tmp_path)

    assert "no schema of this release" in output
    assert "run `stageline migrate`" in output
    assert "Traceback" not in output


async def test_a_missing_database_is_named(name: str, database_url: str, tmp_path: Path) -> None:
    missing = make_url(database_url).set(database="nowhere")
    output = await _ended(name, missing.render_as_string(hide_password=False), tmp_path)

    assert 'database "nowhere" does not exist: create it' in output
    assert "Traceback" not in output


async def test_a_service_waits_while_a_migration_is_under_way(
    name: str, older_database_url: str, tmp_path: Path
) -> None:
    async with connected(older_database_url) as owner:
        await owner.execute(f"SELECT pg_advisory_lock({MIGRATION_LOCK})")
        environ = environ_of(older_database_url, Log())
        async with ServiceProcess(name, environ, tmp_path) as process:

            async def waits() -> bool:
                process.check()
                return "the database is being migrated" in process.output()

            await eventually(waits, within=60)
            await owner.execute(f"UPDATE alembic_version SET version_num = '{REVISION}'")  # noqa: S608 - ours
            await owner.execute(f"SELECT pg_advisory_unlock({MIGRATION_LOCK})")

            await process.wait_ready()


async def test_a_newer_schema_is_no_reason_to_end(
    name: str, database_url: str, tmp_path: Path
) -> None:
    async with connected(database_url) as owner:
        await owner.execute("UPDATE alembic_version SET version_num = '9999'")
    async with ServiceProcess(name, environ_of(database_url, Log()), tmp_path) as process:
        await process.wait_ready()
        async with httpx.AsyncClient(base_url=process.url) as client:
            assert (await client.get("/livez")).status_code == 200

        async def is_logged() -> bool:
            return "schema_newer" in process.output()

        await eventually(is_logged, within=30)
