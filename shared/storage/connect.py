"""Connections: bounded in time, named, and in the role of their service.

Two drivers on purpose (decision 0005): asyncpg alone on the two hot paths (stager batch, stage
query), SQLAlchemy Core on it everywhere else.
"""

from enum import StrEnum
from typing import Any

import asyncpg
from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine


class DatabaseRole(StrEnum):
    """Database roles of the services; none owns a table, so row-level security binds them."""

    INGEST = "stageline_ingest"
    STAGER = "stageline_stager"
    API = "stageline_api"
    OWNER = ""
    """The connecting user itself: migrations and operator commands."""


_CONNECT_SECONDS = 5.0
_STATEMENT_MS = 15_000
_LOCK_MS = 5_000
_IDLE_IN_TRANSACTION_MS = 30_000


def _url(database_url: str) -> URL:
    return make_url(database_url).set(drivername="postgresql+asyncpg")


def _server_settings(role: DatabaseRole, application_name: str) -> dict[str, str]:
    settings = {
        "application_name": application_name,
        "statement_timeout": str(_STATEMENT_MS),
        "lock_timeout": str(_LOCK_MS),
        "idle_in_transaction_session_timeout": str(_IDLE_IN_TRANSACTION_MS),
        "timezone": "UTC",
        # Short queries by key only: planning a JIT costs more than it saves.
        "jit": "off",
    }
    if role:
        settings["role"] = role.value
    return settings


def _connect_arguments(
    database_url: str, role: DatabaseRole, application_name: str
) -> dict[str, Any]:
    url = _url(database_url)
    host = url.query.get("host") or url.host
    return {
        "host": host,
        "port": url.port,
        "user": url.username,
        "password": url.password,
        "database": url.database,
        "timeout": _CONNECT_SECONDS,
        "server_settings": _server_settings(role, application_name),
    }


def client_environ(database_url: str, *, user: str | None = None) -> dict[str, str]:
    """Variables that name the database to PostgreSQL's programs, so that no process list shows a password.

    `user` connects instead of the one in the address.
    """
    url = make_url(database_url)
    values = {
        "PGHOST": url.query.get("host") or url.host,
        "PGPORT": url.port,
        "PGUSER": user or url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
        "PGSSLMODE": url.query.get("sslmode"),
    }
    return {name: str(value) for name, value in values.items() if value}


async def connect(
    database_url: str, *, role: DatabaseRole, application_name: str
) -> "asyncpg.Connection[asyncpg.Record]":
    """Open one connection. Raises OSError or asyncpg.PostgresError; takes up to 5 s."""
    return await asyncpg.connect(**_connect_arguments(database_url, role, application_name))


async def open_pool(
    database_url: str,
    *,
    role: DatabaseRole,
    application_name: str,
    min_size: int = 1,
    max_size: int = 8,
    **options: Any,  # noqa: ANN401 - handed on to asyncpg as they are
) -> "asyncpg.Pool[asyncpg.Record]":
    """Open a pool of asyncpg connections. Raises OSError or asyncpg.PostgresError."""
    return await asyncpg.create_pool(
        **_connect_arguments(database_url, role, application_name),
        min_size=min_size,
        max_size=max_size,
        command_timeout=_STATEMENT_MS / 1000 + 5,
        **options,
    )


def create_engine(
    database_url: str, *, role: DatabaseRole, application_name: str, pool_size: int = 4
) -> AsyncEngine:
    """Make an SQLAlchemy engine for cold paths; connects on first use."""
    return create_async_engine(
        _url(database_url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=5,
        pool_pre_ping=True,
        connect_args={
            "timeout": _CONNECT_SECONDS,
            "command_timeout": _STATEMENT_MS / 1000 + 5,
            "server_settings": _server_settings(role, application_name),
        },
    )
