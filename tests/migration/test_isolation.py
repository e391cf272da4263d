"""Row-level security and grants, asked of Postgres for every table that there is.

A table added later is covered without a change here: it either carries a workspace and the wall, or
it stands in the short list of tables that hold all workspaces together.
"""

# ruff: noqa: S608 - table names come from Postgres' own catalogue

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from shared.storage.catalog import TENANT_TABLES
from shared.storage.connect import DatabaseRole
from tests.support.database import Connection, connected

WITHOUT_WORKSPACE = {
    "alembic_version", "consumer_offset", "identity_job", "log_partition", "log_reader", "log_record",
}  # fmt: skip
"""The log and its offsets: one record after another, of whichever workspace. A job on all names."""

API_MAY_WRITE = {
    "alert": {"UPDATE"},
    "api_key": {"INSERT", "UPDATE"},
    "journey_version": {"INSERT"},
    "kpi_value": {"INSERT", "UPDATE"},
    "outbox": {"INSERT"},
    "refold_job": {"INSERT"},
    "source": {"INSERT", "UPDATE", "DELETE"},
    "source_event": {"DELETE"},
    "source_secret": {"INSERT", "UPDATE", "DELETE"},
    "source_usage": {"DELETE"},
    "suppression": {"INSERT", "UPDATE"},
    "workspace": {"UPDATE"},
}
"""What people set, and what goes with a source that they remove; nothing that events bring about."""

API_MAY_CHANGE = {
    "api_key": {"revoked_at"},
    "source": {"name", "settings", "paused_at"},
    "source_secret": {"expires_at"},
    "workspace": {"default_journey"},
}
"""Where UPDATE is a right on single columns."""

HIDDEN_FROM_THE_API = {
    ("source_secret", "value"),
    ("workspace", "has_bare_ids"),
    ("workspace", "hash_key"),
    ("workspace", "has_bare_ids"),
    *(
        ("dead_letter", column)
        for column in (
            "topic", "partition", "record_offset", "record_key", "record_value", "published_at",
        )
    ),
}  # fmt: skip
"""Of tables that it reads: secrets, the key of the hashes, the bytes of dead letters, and what the stager
alone asks: whether touchpoints have ids of the time before their scope."""

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


async def test_the_api_may_write_what_people_set_and_no_journey_state(owner: Connection) -> None:
    writable = await _privileges(owner, "stageline_api", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
    changeable = await _columns(owner, "stageline_api", "UPDATE")

    assert writable == API_MAY_WRITE
    assert {table: changeable[table] for table in API_MAY_CHANGE} == API_MAY_CHANGE


async def test_the_api_never_reads_a_secret_or_the_key_of_the_hashes(owner: Connection) -> None:
    readable = await _columns(owner, "stageline_api", "SELECT")
    everything = await owner.fetch(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = ANY($1::text[])",
        list(readable),
    )
    hidden = {
        (row["table_name"], row["column_name"])
        for row in everything
        if row["column_name"] not in readable[row["table_name"]]
    }

    assert hidden == HIDDEN_FROM_THE_API


async def test_ingest_sees_keys_sources_and_the_log_and_of_maps_what_browsers_may_not_send(
    owner: Connection,
) -> None:
    readable = await _privileges(owner, "stageline_ingest", "SELECT")
    columns = await _columns(owner, "stageline_ingest", "SELECT")
    writable = await _privileges(
        owner, "stageline_ingest", "INSERT", "UPDATE", "DELETE", "TRUNCATE"
    )

    assert set(readable) == {
        "workspace", "api_key", "log_partition", "log_record", "journey_version", "source",
        "source_secret", "source_event", "source_usage", "suppression", "event_name",
        "erasure_request", "alembic_version", "imported_event", "touchpoint",
    }  # fmt: skip
    assert columns["touchpoint"] == {"workspace_id", "message_id"}
    assert columns["journey_version"] == {"workspace_id", "journey", "version", "server_only"}
    assert writable == {
        "log_partition": {"INSERT", "UPDATE"},
        "log_record": {"INSERT"},
        "erasure_request": {"INSERT", "UPDATE", "DELETE"},
        "event_name": {"INSERT", "UPDATE"},
        "source_event": {"INSERT", "DELETE"},
        "source_usage": {"INSERT", "UPDATE"},
    }


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE placement SET stage = 'won'",
        "DELETE FROM touchpoint",
        "UPDATE subject SET value = 1000000",
        "INSERT INTO workspace (name) VALUES ('mine')",
        "UPDATE api_key SET secret_hash = ''",
        "UPDATE source SET kind = 'server'",
        "UPDATE source_secret SET value = 'mine'",
        "SELECT value FROM source_secret",
        "SELECT * FROM source_secret",
        "SELECT hash_key FROM workspace",
        "SELECT record_value FROM dead_letter",
        "INSERT INTO source_event (workspace_id, source_id) VALUES (1, 'any')",
    ],
)
async def test_postgres_stops_the_api_from_writing_state(api: Connection, statement: str) -> None:
    await api.execute("SELECT set_config('stageline.workspace_id', '1', false)")

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await api.execute(statement)


async def test_postgres_lets_the_api_make_write_keys_of_its_own_sources_alone(
    owner: Connection, api: Connection
) -> None:
    await _fill(owner)
    await api.execute("SELECT set_config('stageline.workspace_id', '1', false)")
    ours: dict[str, Any] = {
        "workspace_id": 1,
        "kind": "write",
        "scopes": ["events:write"],
        "source": 1,
    }

    await _make_key(api, **ours)
    others: tuple[dict[str, Any], ...] = (
        {"kind": "secret"},
        {"scopes": ["events:write", "stages:read"]},
        {"scopes": []},
        {"source": 2},
        {"source": None},
        {"workspace_id": 2},
        {"workspace_id": 2, "source": 2},
    )
    for other in others:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await _make_key(api, **{**ours, **other})


async def test_postgres_lets_the_api_revoke_keys_of_its_own_sources_for_good(
    owner: Connection, api: Connection
) -> None:
    await _fill(owner)
    for workspace_id in (1, 2):
        await _make_key(
            owner, workspace_id=workspace_id, kind="write", scopes=[], source=workspace_id
        )
    await api.execute("SELECT set_config('stageline.workspace_id', '1', false)")

    # Of each workspace there is a key of its source, and one of an operator.
    first = await api.execute("UPDATE api_key SET revoked_at = now()")
    again = await api.execute("UPDATE api_key SET revoked_at = now()")
    revoked = await owner.fetch(
        "SELECT workspace_id, source_id FROM api_key WHERE revoked_at IS NOT NULL"
    )

    assert (first, again) == ("UPDATE 1", "UPDATE 0")
    assert [tuple(row) for row in revoked] == [(1, "of workspace 1")]
    assert await api.execute("UPDATE api_key SET revoked_at = NULL") == "UPDATE 0"


async def test_secrets_go_with_their_source(owner: Connection, api: Connection) -> None:
    await _fill(owner)
    await api.execute("SELECT set_config('stageline.workspace_id', '1', false)")

    await api.execute("DELETE FROM source")

    left = await owner.fetch("SELECT workspace_id FROM source_secret")
    assert [row["workspace_id"] for row in left] == [2]


async def test_a_session_without_a_workspace_sees_nothing(
    owner: Connection, api: Connection
) -> None:
    await _fill(owner)
    tables = await _privileges(owner, "stageline_api", "SELECT")

    # Keys are looked up before the workspace is set: the key names it.
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
    async with connected(database_url, role=DatabaseRole.STAGER) as stager:
        seen = await stager.fetch("SELECT DISTINCT workspace_id FROM subject ORDER BY 1")

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


async def _columns(connection: Connection, role: str, privilege: str) -> dict[str, set[str]]:
    """Columns on which a role has a privilege, by table; tables without any are left out."""
    rows = await connection.fetch(
        """SELECT table_name, column_name FROM information_schema.columns
           WHERE table_schema = 'public'
             AND has_column_privilege($1, table_name::text, column_name::text, $2)""",
        role,
        privilege,
    )
    result: dict[str, set[str]] = {}
    for row in rows:
        result.setdefault(row["table_name"], set()).add(row["column_name"])
    return result


async def _make_key(
    connection: Connection, *, workspace_id: int, kind: str, scopes: list[str], source: int | None
) -> None:
    await connection.execute(
        "INSERT INTO api_key (workspace_id, key_id, kind, scopes, secret_hash, source_id)"
        " VALUES ($1, $2, $3, $4, '', $5)",
        workspace_id,
        uuid4().hex,
        kind,
        scopes,
        None if source is None else f"of workspace {source}",
    )


async def _fill(owner: Connection) -> None:
    """Put one row of workspace 1 and one of workspace 2 into every table that has a workspace."""
    await owner.execute("INSERT INTO workspace (name) VALUES ('second')")
    # Their order puts a table behind those that it refers to.
    for table in TENANT_TABLES:
        if table.name == "workspace":
            continue
        for workspace_id in (1, 2):
            await _insert(owner, table.name, workspace_id=workspace_id)


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
        "date": date(2026, 1, 1),
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
