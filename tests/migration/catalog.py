"""What Postgres itself says about a schema, as text that two databases can be compared by."""

import asyncpg

from tests.support.database import connected

_COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull,
           a.attidentity::text, pg_get_expr(d.adbin, d.adrelid) AS default,
           (SELECT collname FROM pg_collation WHERE oid = a.attcollation) AS collation
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relname <> 'alembic_version'
"""
_CONSTRAINTS = """
    SELECT c.relname, k.conname, pg_get_constraintdef(k.oid) AS definition
    FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
    WHERE c.relname <> 'alembic_version'
"""
_INDEXES = """
    SELECT tablename, indexname, indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""
_STORAGE = """
    SELECT c.relname, c.reloptions::text
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
    WHERE c.relkind = 'r' AND c.relname <> 'alembic_version'
"""
_POLICIES = """
    SELECT tablename, policyname, permissive, roles::text, cmd, qual, with_check FROM pg_policies
    WHERE schemaname = 'public'
"""
_GRANTS = """
    SELECT table_name, grantee, privilege_type FROM information_schema.role_table_grants
    WHERE table_schema = 'public' AND table_name <> 'alembic_version'
"""
_COLUMN_GRANTS = """
    SELECT table_name, column_name, grantee, privilege_type
    FROM information_schema.column_privileges
    WHERE table_schema = 'public' AND table_name <> 'alembic_version'
"""
_FUNCTIONS = """
    SELECT oid::regprocedure::text, prosecdef, proconfig::text, proacl::text, prosrc FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
"""

_SHAPE = (_COLUMNS, _CONSTRAINTS, _INDEXES, _STORAGE)
_RIGHTS = (_POLICIES, _GRANTS, _COLUMN_GRANTS, _FUNCTIONS)


async def shape(database_url: str) -> list[str]:
    """Columns, constraints, indexes and storage settings, one line each, sorted."""
    return await _lines(database_url, _SHAPE)


async def everything(database_url: str) -> list[str]:
    """`shape`, and the policies, grants and functions."""
    return await _lines(database_url, _SHAPE + _RIGHTS)


async def _lines(database_url: str, queries: tuple[str, ...]) -> list[str]:
    async with connected(database_url) as owner:
        return sorted([_line(row) for query in queries for row in await owner.fetch(query)])


def _line(row: asyncpg.Record) -> str:
    return " | ".join(str(value) for value in row)
