"""Published maps in Postgres: immutable versions, numbered from 1 for each journey.

The transaction is the caller's; no function commits. Driver errors come as they are
(sqlalchemy.exc.DBAPIError): the owner of the transaction decides what they mean.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, bindparam, func, insert, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.ids import WorkspaceId
from shared.journey.model import SubjectKind
from shared.maps import MapDocument
from shared.maps.published import PublishedMap
from shared.storage.tables import journey_version, refold_job, workspace

# One lock for all publications, until commit: `publication` numbers must become visible in their
# order, or a reader of "everything after N" would miss a smaller one that commits later. Publishing
# is rare and takes milliseconds.
_PUBLISH_LOCK = int.from_bytes(b"pub maps", "big")

_VERSION = select(
    journey_version.c.workspace_id,
    journey_version.c.journey,
    journey_version.c.version,
    journey_version.c.publication,
    journey_version.c.definition,
    journey_version.c.source,
    journey_version.c.published_at,
    journey_version.c.published_by,
    journey_version.c.is_retired,
)

# The newest row of each journey of a workspace, with its place among the first publications.
_NEWEST_ROWS = (
    _VERSION.add_columns(
        func.min(journey_version.c.publication)
        .over(partition_by=journey_version.c.journey)
        .label("first_publication")
    )
    .ext(distinct_on(journey_version.c.journey))
    .where(journey_version.c.workspace_id == bindparam("workspace_id"))
    .order_by(journey_version.c.journey, journey_version.c.version.desc())
    .subquery()
)

# Those that are in force, in order of precedence.
_CURRENT = (
    select(*(_NEWEST_ROWS.c[column.name] for column in _VERSION.selected_columns))
    .join(workspace, workspace.c.workspace_id == _NEWEST_ROWS.c.workspace_id)
    .where(_NEWEST_ROWS.c.is_retired.is_(False))
    .order_by(
        workspace.c.default_journey.is_not_distinct_from(_NEWEST_ROWS.c.journey).desc(),
        _NEWEST_ROWS.c.first_publication,
    )
)

# Sets the journey of queries that name none.
_SET_DEFAULT = (
    update(workspace)
    .where(workspace.c.workspace_id == bindparam("of_workspace"))
    .values(default_journey=bindparam("journey"))
)

# The newest version of one journey.
_NEWEST = (
    _VERSION.where(
        journey_version.c.workspace_id == bindparam("workspace_id"),
        journey_version.c.journey == bindparam("journey"),
    )
    .order_by(journey_version.c.version.desc())
    .limit(1)
)

# All versions of one journey, the newest first.
_EARLIER = _VERSION.where(
    journey_version.c.workspace_id == bindparam("workspace_id"),
    journey_version.c.journey == bindparam("journey"),
).order_by(journey_version.c.version.desc())

# One version of one journey.
_EXACT = _VERSION.where(
    journey_version.c.workspace_id == bindparam("workspace_id"),
    journey_version.c.journey == bindparam("journey"),
    journey_version.c.version == bindparam("version"),
)

# Later publications, by the index of `publication`.
_NEWER = _VERSION.where(journey_version.c.publication > bindparam("publication")).order_by(
    journey_version.c.publication
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """Answer of `publish`: the version in force, and whether it is a new one."""

    version: int
    changed: bool
    other_subject: SubjectKind | None = None
    """Whose stage the journey decides, where the map says another: nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """Answer of `roll_back`: the new version, and the earlier one whose map it has."""

    version: int
    restored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMap(PublishedMap):
    """A published map with its text and its publisher."""

    source: str
    """The text as its author wrote it."""
    published_at: datetime
    published_by: str


async def publish(  # noqa: PLR0917 - the columns of one row
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    document: MapDocument,
    source: str,
    published_by: str,
    now: datetime,
) -> Publication:
    """Store a map as the next version of its journey, with the job that re-folds the history.

    A map whose definition equals the version in force writes nothing, and neither does one of another
    `subject`: the placements and alerts of the former subjects would have no map. Publications wait for
    each other until commit, at most for the connection's lock_timeout. Expects READ COMMITTED, the default.
    """
    key = document.journey
    definition = document.definition()
    newest = await _locked(connection, workspace_id, key)
    if newest is not None and newest.subject != document.subject:
        return Publication(version=newest.version, changed=False, other_subject=newest.subject)
    if newest is not None and newest.definition == definition and not newest.is_retired:
        return Publication(version=newest.version, changed=False)
    version = newest.version + 1 if newest else 1
    await _insert(
        connection,
        workspace_id=workspace_id,
        journey=key,
        version=version,
        definition=definition,
        source=source,
        published_at=now,
        published_by=published_by,
        server_only=sorted(set(document.server_only or ())),
    )
    return Publication(version=version, changed=True)


async def retire(
    connection: AsyncConnection, workspace_id: WorkspaceId, key: str, retired_by: str, now: datetime
) -> Publication | None:
    """End a journey by a row that takes the next version, with the job that removes its placements.

    None if there is no such journey; one that is retired already stays as it is. Publishing the journey
    again puts it in force again.
    """
    newest = await _locked(connection, workspace_id, key)
    if newest is None:
        return None
    if newest.is_retired:
        return Publication(version=newest.version, changed=False)
    await _insert(
        connection,
        workspace_id=workspace_id,
        journey=key,
        version=newest.version + 1,
        definition=newest.definition,
        source=newest.source,
        published_at=now,
        published_by=retired_by,
        is_retired=True,
    )
    return Publication(version=newest.version + 1, changed=True)


async def roll_back(
    connection: AsyncConnection, workspace_id: WorkspaceId, key: str, by: str, now: datetime
) -> RolledBack | None:
    """Publish the newest earlier map that differs from the one in force, as the next version.

    Of a retired journey, the map that was retired. None if there is no such map.
    """
    newest = await _locked(connection, workspace_id, key)
    earlier = _maps(
        await connection.execute(_EARLIER, {"workspace_id": workspace_id, "journey": key})
    )
    target = next(
        (
            each
            for each in earlier
            if not each.is_retired
            and newest is not None
            and each.subject == newest.subject
            and (newest.is_retired or each.definition != newest.definition)
        ),
        None,
    )
    if newest is None or target is None:
        return None
    await _insert(
        connection,
        workspace_id=workspace_id,
        journey=key,
        version=newest.version + 1,
        definition=target.definition,
        source=target.source,
        published_at=now,
        published_by=by,
        server_only=sorted(set(target.definition.get("server_only") or ())),
    )
    return RolledBack(version=newest.version + 1, restored=target.version)


async def set_default(connection: AsyncConnection, workspace_id: WorkspaceId, key: str) -> bool:
    """Make a journey the default of its workspace; whether it is in force, else nothing is set."""
    newest = await get(connection, workspace_id, key)
    if newest is None or newest.is_retired:
        return False
    await connection.execute(_SET_DEFAULT, {"of_workspace": workspace_id, "journey": key})
    return True


async def _locked(
    connection: AsyncConnection, workspace_id: WorkspaceId, key: str
) -> StoredMap | None:
    """The newest row of a journey, while no other transaction can add one."""
    await connection.execute(select(func.pg_advisory_xact_lock(_PUBLISH_LOCK)))
    return await get(connection, workspace_id, key)


async def _insert(connection: AsyncConnection, **row: Any) -> None:  # noqa: ANN401 - columns
    """Insert a row of `journey_version`, and the job that applies it to the history."""
    await connection.execute(insert(journey_version).values(**row))
    job = {name: row[name] for name in ("workspace_id", "journey", "version")}
    await connection.execute(insert(refold_job).values(**job, created_at=row["published_at"]))


async def current(connection: AsyncConnection, workspace_id: WorkspaceId) -> list[StoredMap]:
    """The journeys in force, each in its newest version, in order of precedence.

    A query that names no journey is answered for the first of them that fits: the default journey, then
    the others in the order in which they were first published.
    """
    return _maps(await connection.execute(_CURRENT, {"workspace_id": workspace_id}))


async def get(
    connection: AsyncConnection, workspace_id: WorkspaceId, key: str, version: int | None = None
) -> StoredMap | None:
    """One version of a journey, the newest if `version` is None; None if there is none.

    A journey whose newest version `is_retired` is not in force.
    """
    parameters = {"workspace_id": workspace_id, "journey": key}
    if version is None:
        rows = await connection.execute(_NEWEST, parameters)
    else:
        rows = await connection.execute(_EXACT, {**parameters, "version": version})
    return next(iter(_maps(rows)), None)


async def newer_than(connection: AsyncConnection, publication: int) -> list[StoredMap]:
    """Versions published after publication number `publication`, in all workspaces, oldest first.

    0 gives all. A publication never appears later among those already returned.
    """
    return _maps(await connection.execute(_NEWER, {"publication": publication}))


def _maps(rows: CursorResult[Any]) -> list[StoredMap]:
    return [StoredMap(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name
