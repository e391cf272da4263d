"""Alembic's entry: async engine, one advisory lock, bounded waits.

Two processes may run this at once: the second waits for the first and finds nothing to do.
"""

import asyncio
import os

from alembic import context
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from shared.errors import FatalError
from shared.storage.catalog import metadata
from shared.storage.connect import DatabaseRole, create_engine
from shared.storage.revision import MIGRATION_LOCK

_READERS = f"{DatabaseRole.INGEST}, {DatabaseRole.STAGER}, {DatabaseRole.API}"


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transaction_per_migration=True,
        compare_server_default=False,
    )
    _refuse_newer_schema()
    with context.begin_transaction():
        context.run_migrations()
    if context.get_context().get_current_heads():
        # Each service compares the schema with its own at its start.
        connection.execute(text(f"GRANT SELECT ON alembic_version TO {_READERS}"))


def _refuse_newer_schema() -> None:
    """Raises FatalError when the database is at a revision that this Stageline does not have."""
    scripts = ScriptDirectory.from_config(context.config)
    revisions = {script.revision for script in scripts.walk_revisions()}
    unknown = set(context.get_context().get_current_heads()) - revisions
    if unknown:
        message = (
            f"this data was written by a newer Stageline (schema {', '.join(sorted(unknown))}; this one"
            f" knows up to {scripts.get_current_head()}): start that version or a newer one again,"
            " or start this one with other data (STAGELINE_HOME, STAGELINE_DATABASE_URL)"
        )
        raise FatalError(message)


async def _run_online(database_url: str) -> None:
    engine = create_engine(
        database_url, role=DatabaseRole.OWNER, application_name="stageline-migrate"
    )
    try:
        async with engine.connect() as connection:
            # The waiting runner must outlast a long migration of the running one.
            await connection.execute(text("SET statement_timeout = 0"))
            await connection.execute(text("SET lock_timeout = '60s'"))
            await connection.execute(text(f"SELECT pg_advisory_lock({MIGRATION_LOCK})"))
            await connection.execute(text("SET lock_timeout = '4s'"))
            await connection.commit()
            await connection.run_sync(_run)
            await connection.commit()
    finally:
        await engine.dispose()


def _main() -> None:
    connection = context.config.attributes.get("connection")
    if connection is not None:
        _run(connection)
        return
    database_url = context.config.attributes.get("database_url") or os.environ.get(
        "STAGELINE_DATABASE_URL"
    )
    if not database_url:
        message = "STAGELINE_DATABASE_URL is not set: name the database to migrate"
        raise SystemExit(message)
    run = context.config.attributes.get("run", asyncio.run)
    run(_run_online(database_url))


_main()
