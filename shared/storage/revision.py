"""Which schema this release needs, and whether the database has it: checked by every service at its start."""

from collections.abc import Awaitable, Callable

import asyncpg
import structlog

from shared.errors import DatabaseUnavailable, FatalError
from shared.storage.connect import DatabaseRole, connect
from shared.storage.errors import DRIVER_ERRORS, is_transient

log = structlog.get_logger(__name__)

REVISION = "0015"
"""The newest of `migrations/versions`."""

MIGRATION_LOCK = 7_305_808_869_229_538_928
"""Advisory lock that a migration holds from its beginning to its end. Arbitrary."""

_MIGRATE = "run `stageline migrate` of this release, then start it again"
_VERSION = "SELECT version_num FROM alembic_version"
_TRY_LOCK = "SELECT pg_try_advisory_lock_shared($1)"


def checker(
    database_url: str, *, role: DatabaseRole, application_name: str
) -> Callable[[], Awaitable[None]]:
    """A check of the database's schema on a connection of its own.

    Each call raises DatabaseUnavailable while the database does not answer or a migration is under way, and
    FatalError, whose message says what to do, for a database that is missing, refuses the login, or is at
    an older schema. A newer one is logged: a release that is rolled out changes the schema first.
    """

    async def check() -> None:
        try:
            connection = await connect(database_url, role=role, application_name=application_name)
            try:
                await _check(connection)
            finally:
                await connection.close(timeout=1)
        except DRIVER_ERRORS as exc:
            if is_transient(exc):
                raise DatabaseUnavailable(f"the database does not answer: {exc!r}") from exc
            raise FatalError(_refusal(exc)) from exc

    return check


async def _check(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    if not await connection.fetchval(_TRY_LOCK, MIGRATION_LOCK):
        raise DatabaseUnavailable("the database is being migrated")
    try:
        revision = await connection.fetchval(_VERSION)
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        revision = None
    if revision is None:
        raise FatalError(f"the database has no schema of this release: {_MIGRATE}")
    if revision < REVISION:
        raise FatalError(
            f"the database's schema is {revision}, this release needs {REVISION}: {_MIGRATE}"
        )
    if revision > REVISION:
        log.warning("schema_newer", schema=revision, release=REVISION)


def _refusal(exc: BaseException) -> str:
    match exc:
        case asyncpg.InvalidParameterValueError():
            # The role of the service, which the first migration makes.
            return f"the database has no schema of this release ({exc}): {_MIGRATE}"
        case asyncpg.InvalidCatalogNameError():
            return f"{exc}: create it, run `stageline migrate`, or mend STAGELINE_DATABASE_URL"
        case asyncpg.InvalidAuthorizationSpecificationError():
            return f"the database refuses the login of STAGELINE_DATABASE_URL: {exc}"
        case asyncpg.PostgresError():
            return f"the database refuses this service: {exc}"
        case _:
            return f"cannot use the database: {type(exc).__name__}"
