"""Logins of the services in a cluster of our own, with the rights of `deploy/postgres/roles.sh`.

No login has a password: the embedded PostgreSQL asks the kernel who connects.
"""

from dataclasses import dataclass

from sqlalchemy import make_url

from shared.storage.connect import DatabaseRole, connect

_OWNER = "stageline_owner"
_SERVICES = (DatabaseRole.INGEST, DatabaseRole.STAGER, DatabaseRole.API)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseAddresses:
    """One database as each of its users connects to it."""

    owner: str
    """Of the tables: migrations and operator commands."""
    ingest: str
    stager: str
    api: str

    @classmethod
    def shared(cls, database_url: str) -> "DatabaseAddresses":
        """One login for all, which then take the roles of their services."""
        return cls(owner=database_url, ingest=database_url, stager=database_url, api=database_url)


async def separate_logins(superuser_url: str) -> DatabaseAddresses:
    """Give owner and services a login each, and the owner what the superuser made; repeatable.

    Databases of earlier versions belong to the superuser. Raises asyncpg.PostgresError, OSError.
    """
    connection = await connect(
        superuser_url, role=DatabaseRole.OWNER, application_name="stageline-logins"
    )
    try:
        async with connection.transaction():
            for role in (_OWNER, *_SERVICES):
                await connection.execute(_MAKE_LOGIN.format(role=role))
            await connection.execute(_GRANTS)
            await connection.execute(_HAND_OVER)
    finally:
        await connection.close()

    def of(user: str) -> str:
        return make_url(superuser_url).set(username=user).render_as_string(hide_password=False)

    return DatabaseAddresses(
        owner=of(_OWNER),
        ingest=of(DatabaseRole.INGEST),
        stager=of(DatabaseRole.STAGER),
        api=of(DatabaseRole.API),
    )


# Migrations make the roles of services without a login where no administrator has made them before.
_MAKE_LOGIN = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role};
    END IF;
    ALTER ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
END $$
"""

_GRANTS = f"""
DO $$ BEGIN
    GRANT {", ".join(_SERVICES)} TO {_OWNER};
    EXECUTE format('ALTER DATABASE %I OWNER TO {_OWNER}', current_database());
    EXECUTE format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO {", ".join(_SERVICES)}', current_database());
END $$
"""

# PostgreSQL refuses REASSIGN OWNED for the superuser that made the cluster. Sequences of identity
# columns and types of rows follow their tables. Policies name their roles apart from the owner.
_HAND_OVER = f"""
DO $$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        SELECT format(
            'ALTER %s %s OWNER TO {_OWNER}',
            CASE relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW'
                WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END,
            oid::regclass
        )
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S', 'v', 'm')
            AND relowner = current_user::regrole AND NOT EXISTS (
                SELECT FROM pg_depend WHERE objid = pg_class.oid AND relkind = 'S'
                    AND classid = 'pg_class'::regclass AND deptype IN ('a', 'i', 'e')
            )
        UNION ALL
        SELECT format('ALTER ROUTINE %s OWNER TO {_OWNER}', oid::regprocedure)
        FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND proowner = current_user::regrole
        UNION ALL
        SELECT format('ALTER TYPE %s OWNER TO {_OWNER}', oid::regtype)
        FROM pg_type
        WHERE typnamespace = 'public'::regnamespace AND typowner = current_user::regrole
            AND typtype IN ('e', 'd', 'r')
        UNION ALL
        SELECT format('ALTER POLICY %I ON %s TO %s', polname, polrelid::regclass, (
            SELECT string_agg(
                CASE member WHEN current_user::regrole THEN '{_OWNER}' ELSE member::regrole::text END,
                ', '
            ) FROM unnest(polroles) AS member
        ))
        FROM pg_policy WHERE current_user::regrole = ANY (polroles)
    LOOP
        EXECUTE statement;
    END LOOP;
END $$
"""  # noqa: S608 - as above
