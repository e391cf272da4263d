"""From nothing to head, down and up again, twice at once; and the migrated equals the declared."""

import asyncio
import os
import subprocess
import sys

from alembic import command
from alembic.script import ScriptDirectory

from shared.storage.catalog import metadata
from tests.conftest import ROOT
from tests.migration import catalog
from tests.support.database import alembic_config, connected, owner_transaction, run_alembic


def test_there_is_one_newest_migration() -> None:
    heads = ScriptDirectory.from_config(alembic_config("")).get_heads()

    assert len(heads) == 1


async def test_down_and_up_again_gives_the_same_schema_rights_and_policies(
    empty_database_url: str,
) -> None:
    await run_alembic(command.upgrade, empty_database_url, "head")
    first = await catalog.everything(empty_database_url)

    await run_alembic(command.downgrade, empty_database_url, "base")
    nothing = await catalog.everything(empty_database_url)
    await run_alembic(command.upgrade, empty_database_url, "head")
    second = await catalog.everything(empty_database_url)

    assert nothing == []
    assert len(first) > 100
    assert second == first


async def test_each_migration_can_be_undone_alone(empty_database_url: str) -> None:
    script = ScriptDirectory.from_config(alembic_config(""))
    revisions = [revision.revision for revision in script.walk_revisions()][::-1]

    for revision in revisions:
        await run_alembic(command.upgrade, empty_database_url, revision)
        up = await catalog.everything(empty_database_url)
        await run_alembic(command.downgrade, empty_database_url, "-1")
        await run_alembic(command.upgrade, empty_database_url, revision)

        assert await catalog.everything(empty_database_url) == up


async def test_alembic_finds_nothing_to_generate(empty_database_url: str) -> None:
    await run_alembic(command.upgrade, empty_database_url, "head")

    await run_alembic(command.check, empty_database_url)


async def test_the_migrated_schema_is_the_declared_one_to_collations_and_storage(
    database_url: str, empty_database_url: str
) -> None:
    async with owner_transaction(empty_database_url) as connection:
        await connection.run_sync(metadata.create_all)

    assert await catalog.shape(database_url) == await catalog.shape(empty_database_url)


async def test_three_runners_at_once_migrate_once(empty_database_url: str) -> None:
    runners = await asyncio.gather(
        *(asyncio.to_thread(_upgrade_in_a_process, empty_database_url) for _ in range(3))
    )

    async with connected(empty_database_url) as owner:
        workspaces = await owner.fetch("SELECT name FROM workspace")
        versions = await owner.fetchval("SELECT count(*) FROM alembic_version")
    assert [runner.returncode for runner in runners] == [0, 0, 0], runners[0].stderr
    assert [row["name"] for row in workspaces] == ["default"]
    assert versions == 1


def _upgrade_in_a_process(database_url: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=ROOT,
        env={**os.environ, "STAGELINE_DATABASE_URL": database_url},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
