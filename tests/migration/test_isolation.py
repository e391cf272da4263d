"""Row-level security and grants, asked of Postgres for every table that there is.

A table added later is covered without a change here: it either carries a workspace and the wall, or
it stands in the short list of tables that hold all workspaces together.
"""

# ruff: noqa: S608 - table names come from Postgres' own catalogue

from datetime import UTC, datetime
from typing import TypeAlias
from uuid import uuid4

import asyncpg
import pytest

from shared.storage.catalog import TENANT_TABLES
from shared.storage.connect import Role, connect

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

WITHOUT_WORKSPACE = {
    "alembic_version", "consumer_offset", "log_partition", "log_reader", "log_record",
}  # fmt: skip
"""The log and its offsets: one record after another, of whichever workspace."""

JOURNEY_STATE = {
    "identifier", "member", "subject", "placement", "touchpoint", "transition", "deadline",
    "dead_letter", "consumer_offset", "api_key", "workspace",
}  # fmt: skip

SERVICE_ROLES = ("stageline_ingest", "stageline_stager", "stageline_api")

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
_WITH_WORKSPACE = """
    SELECT table_name FROM information_schema.columns
    WHERE table_schema = 'public' AND column_name = 'workspace_id'
"""
_REQUIRED_COLUMNS = """
    SELECT column_name, data_type FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = $1 AND is_nullable = 'NO'
      AND column_default IS NULL AND is_identity = 'NO'
"""


async def test_every_table_carries_a_workspace_but_the_log(owner: Connection) -> None:
    tables = {row["tablename"] for row in await owner.fetch(_TABLES)}
    with_workspace = {row["table_name"] for row in await owner.fetch(_WITH_WORKSPACE)}

    assert tables - with_workspace == WITHOUT_WORKSPACE
    assert {table.name for table in TENANT_TABLES} == with_workspace


async def test_row_level_security_is_forced_on_every_tenant_table(owner: Connection) -> None:
    unprotected = await owner.fetch(f"""
        SELECT relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
          AND relname IN ({_WITH_WORKSPACE})
          AND NOT (relrowsecurity AND relforcerowsecurity)
    """)

    assert [row["relname"] for row in unprotected] == []


async def test_the_workspace_leads_every_primary_key(owner: Connection) -> None:
    leading = await owner.fetch(f"""
        SELECT c.relname, a.attname FROM pg_index i
        JOIN pg_class c ON c.oid = i.indrelid
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
        WHERE i.indisprimary AND c.relname IN ({_WITH_WORKSPACE})
    """)

    assert {row["attname"] for row in leading} == {"workspace_id"}
    assert {row["relname"] for row in leading} == {table.name for table in TENANT_TABLES}


async def test_no_service_role_owns_a_table_or_stands_above_the_wall(owner: Connection) -> None:
    owners = await owner.fetch(
        "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
    )
    roles = await owner.fetch(
        """SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles
           WHERE rolname = ANY($1::text[])""",
        list(SERVICE_ROLES),
    )

    assert {row["tableowner"] for row in owners}.isdisjoint(SERVICE_ROLES)
    assert {row["rolname"] for row in roles} == set(SERVICE_ROLES)
    assert [row["rolname"] for row in roles if any(list(row)[1:])] == []


async def test_the_api_may_write_no_journey_state(owner: Connection) -> None:
    writable = await _privileges(owner, "stageline_api", "INSERT", "UPDATE", "DELETE", "TRUNCATE")

    assert writable.keys().isdisjoint(JOURNEY_STATE)
    assert not [table for table, rights in writable.items() if rights & {"DELETE", "TRUNCATE"}]


async def test_ingest_sees_nothing_but_keys_and_the_log(owner: Connection) -> None:
    readable = await _privileges(owner, "stageline_ingest", "SELECT")
    writable = await _privileges(
        owner, "stageline_ingest", "INSERT", "UPDATE", "DELETE", "TRUNCATE"
    )

    assert set(readable) == {"workspace", "api_key", "log_partition", "log_record"}
    assert writable == {"log_partition": {"INSERT", "UPDATE"}, "log_record": {"INSERT"}}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE placement SET stage = 'won'",
        "DELETE FROM touchpoint",
        "UPDATE subject SET value = 1000000",
        "INSERT INTO workspace (name) VALUES ('mine')",
        "UPDATE api_key SET revoked_at = NULL",
    ],
)
async def test_postgres_stops_the_api_from_writing_state(api: Connection, statement: str) -> None:
    await api.execute("SELECT set_config('stageline.workspace_id', '1', false)")

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await api.execute(statement)


async def test_who_forgets_to_name_the_workspace_sees_nothing(
    owner: Connection, api: Connection
) -> None:
    await _fill(owner)
    tables = await _privileges(owner, "stageline_api", "SELECT")

    # Keys are looked up before the workspace is known: a key is what tells the workspace.
    for table in set(tables) - WITHOUT_WORKSPACE - {"api_key"}:
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") >= 2, table
        assert await api.fetchval(f"SELECT count(*) FROM {table}") == 0, table


async def test_a_workspace_sees_its_own_rows_alone(owner: Connection, api: Connection) -> None:
    await _fill(owner)
    tables = await _privileges(owner, "stageline_api", "SELECT")
    await api.execute("SELECT set_config('stageline.workspace_id', '2', false)")

    for table in set(tables) - WITHOUT_WORKSPACE - {"api_key"}:
        seen = await api.fetch(f"SELECT DISTINCT workspace_id FROM {table}")
        assert [row["workspace_id"] for row in seen] == [2], table


async def test_a_workspace_set_for_one_transaction_is_gone_with_it(
    owner: Connection, api: Connection
) -> None:
    await _fill(owner)
    async with api.transaction():
        await api.execute("SELECT set_config('stageline.workspace_id', '1', true)")
        inside = await api.fetchval("SELECT count(*) FROM placement")

    assert inside == 1
    assert await api.fetchval("SELECT count(*) FROM placement") == 0


async def test_a_workspace_cannot_write_into_another(owner: Connection, api: Connection) -> None:
    await _fill(owner)
    await api.execute("SELECT set_config('stageline.workspace_id', '1', false)")

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await _insert(api, "outbox", workspace_id=2)
    touched = await api.execute("UPDATE alert SET state = 'resolved' WHERE workspace_id = 2")

    assert touched == "UPDATE 0"


async def test_the_stager_serves_all_workspaces_at_once(
    database_url: str, owner: Connection
) -> None:
    await _fill(owner)
    stager = await connect(database_url, role=Role.STAGER, application_name="tests")
    try:
        seen = await stager.fetch("SELECT DISTINCT workspace_id FROM subject ORDER BY 1")
    finally:
        await stager.close()

    assert [row["workspace_id"] for row in seen] == [1, 2]


async def _privileges(connection: Connection, role: str, *privileges: str) -> dict[str, set[str]]:
    """Rights of a role by table, grants to everybody and to columns included."""
    rows = await connection.fetch(
        """SELECT t.tablename AS name, p AS privilege
           FROM pg_tables t, unnest($2::text[]) p
           WHERE t.schemaname = 'public'
             AND CASE WHEN p IN ('DELETE', 'TRUNCATE')
                 THEN has_table_privilege($1, t.tablename, p)
                 ELSE has_any_column_privilege($1, t.tablename, p) END""",
        role,
        list(privileges),
    )
    result: dict[str, set[str]] = {}
    for row in rows:
        result.setdefault(row["name"], set()).add(row["privilege"])
    return result


async def _fill(owner: Connection) -> None:
    """Put one row of workspace 1 and one of workspace 2 into every table that has a workspace."""
    await owner.execute("INSERT INTO workspace (name) VALUES ('second')")
    for row in await owner.fetch(_WITH_WORKSPACE):
        if row["table_name"] == "workspace":
            continue
        for workspace_id in (1, 2):
            await _insert(owner, row["table_name"], workspace_id=workspace_id)


async def _insert(connection: Connection, table: str, *, workspace_id: int) -> None:
    columns = await connection.fetch(_REQUIRED_COLUMNS, table)
    values: dict[str, object] = {
        row["column_name"]: _any_value(row["data_type"], workspace_id) for row in columns
    }
    values["workspace_id"] = workspace_id
    names = ", ".join(values)
    places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    await connection.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", *values.values())


def _any_value(data_type: str, workspace_id: int) -> object:
    values: dict[str, object] = {
        "integer": workspace_id,
        "bigint": workspace_id,
        "text": f"of workspace {workspace_id}",
        "timestamp with time zone": datetime(2026, 1, 1, tzinfo=UTC),
        "json": "{}",
        "bytea": b"{}",
        "uuid": uuid4(),
        "ARRAY": [],
        "double precision": 1.0,
        "boolean": False,
    }
    if data_type not in values:
        pytest.fail(f"say here what a {data_type} may hold")
    return values[data_type]
