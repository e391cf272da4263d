"""`GET /v1/people/{person}`: who a person is, and which statements say so."""

from collections.abc import Collection, Mapping, Sequence
from typing import cast

from sqlalchemy.ext.asyncio import AsyncConnection

from services.api.dependencies import Database, Limits
from services.api.errors import Code, RequestRefused
from services.api.http.routing import ScopedRouter
from services.api.identity import statements as said
from services.api.identity import timelines
from services.api.identity.statements import Statement
from services.api.identity.timelines import Period
from services.api.queries.identity import conflicts as conflicts_stored
from services.api.queries.identity import people as stored
from services.api.queries.identity.people import NameRow
from services.api.routes.identity.shown import Authors, conflict, statement
from services.api.routes.people import PersonId, person_of_path
from services.api.schemas.identity import people as schemas
from shared.contracts.identity_limits import IdentityLimits
from shared.contracts.message_ids import as_sent
from shared.contracts.names import is_device, is_object, is_person, split
from shared.ids import WorkspaceId
from shared.keys.principal import Scope

router = ScopedRouter(prefix="/v1/people", tags=["people"])

_MOST_CONFLICTS = 100


# A parameter takes slashes as well, so this route comes after all others below a person.
@router.get(
    "/{person:encoded}",
    operation_id="getPerson",
    scope=Scope.STAGES_READ,
    refusals=[Code.INVALID_PERSON, Code.SUBJECT_UNKNOWN],
    summary="Who a person is, and why",
    response_description="The person.",
    example=schemas.PERSON_EXAMPLE,
)
async def get_person(person: PersonId, database: Database, limits: Limits) -> schemas.Person:
    """Names with the statement that brought each, devices and accounts in time, and what joined nothing.

    A device leads to the person who is on it now. A person who was erased is unknown.
    """
    stored_name, workspace_id = person_of_path(person), database.workspace_id
    async with database.transaction() as connection:
        row = await stored.name(connection, workspace_id, stored_name)
        if row is None:
            raise RequestRefused(Code.SUBJECT_UNKNOWN)
        rows = await stored.names_of_person(connection, workspace_id, row.person_id)
        names = _own_names(row, rows)
        statements = await stored.statements(
            connection, workspace_id, names, [said.EXPLICIT, said.TOGETHER, said.UNMERGE]
        )
        on_devices = await stored.uses_of_devices(connection, workspace_id, names)
        devices = await _devices(connection, workspace_id, rows, on_devices, names)
        memberships = await _memberships(connection, workspace_id, row.person_id, rows)
        refused = await _refused(
            connection, workspace_id, row.person_id, names, statements, limits=limits
        )
        origins = said.origins(row.person_id, names, [*statements, *on_devices])
        authors = await stored.authors(
            connection,
            workspace_id,
            {
                each.message_id
                for each in [*origins.values(), *(each.statement for each in refused)]
                if each.kind == said.EXPLICIT
            },
        )
        ignored = await stored.ignored(
            connection,
            workspace_id,
            row.person_id,
            [row.subject_id, row.person_id, *(each.value for each in reversed(memberships))],
        )
    return schemas.Person(
        name=stored_name,
        person_id=row.person_id,
        account_id=None if is_person(row.subject_id) else row.subject_id,
        names=[_name(each, origins, authors) for each in names],
        devices=[
            schemas.DeviceUse(name=each.value, since=each.since, until=each.until)
            for each in devices
        ],
        memberships=[
            schemas.Membership(account_id=each.value, since=each.since, until=each.until)
            for each in memberships
        ],
        conflicts=[conflict(each, authors) for each in refused],
        ignored=[
            schemas.IgnoredId(
                field=field,
                value=value,
                occurred_at=each.occurred_at,
                message_id=as_sent(each.message_id),
            )
            for each in ignored
            for field, value in each.ids.items()
        ],
        is_shared=said.is_shared(names, statements, limits),
    )


def _own_names(row: NameRow, rows: Sequence[NameRow]) -> list[str]:
    """Names that are the person's for good, sorted: a device is only where it is nobody's."""
    names = {each.name for each in rows if not is_device(each.name)}
    return sorted(names | {row.person_id})


def _name(name: str, origins: Mapping[str, Statement], authors: Authors) -> schemas.PersonName:
    kind = cast("schemas.NameKind", split(name)[0].removesuffix(":"))
    origin = origins.get(name)
    return schemas.PersonName(
        name=name, kind=kind, statement=None if origin is None else statement(origin, authors)
    )


async def _devices(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    rows: Sequence[NameRow],
    on_devices: Sequence[Statement],
    names: Collection[str],
) -> list[Period]:
    """Uses of devices by the person, of those in use first; by device and time."""
    present = {each.name: each for each in rows if is_device(each.name)}
    earlier = sorted({each.other for each in on_devices} - present.keys())[: stored.MAX_DEVICES]
    for each in await stored.names(connection, workspace_id, earlier):
        present[each.name] = each
    listed = list(present.values())[: stored.MAX_DEVICES]
    return [use for each in listed for use in timelines.uses(each.users, set(names), each.name)]


async def _memberships(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    person_id: str,
    rows: Sequence[NameRow],
) -> list[Period]:
    """Accounts in time. A deal or a ticket is whole in its last one."""
    own = next((each for each in rows if each.name == person_id), None)
    if own is None:
        return []
    joined = {each.value for each in own.accounts}
    stands_for = await stored.persons(connection, workspace_id, joined)
    periods = timelines.memberships(own.accounts, lambda each: stands_for.get(each, each))
    if is_object(person_id):
        return [each for each in periods if each.until is None]
    return periods


async def _refused(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    person_id: str,
    names: Collection[str],
    statements: Sequence[Statement],
    *,
    limits: IdentityLimits,
) -> list[conflicts_stored.Refused]:
    own = set(names)
    outside = [
        each
        for each in statements
        if each.kind != said.UNMERGE and (each.name in own) != (each.other in own)
    ]
    others = {each.other if each.name in own else each.name for each in outside}
    owners = await stored.persons(connection, workspace_id, others)
    owners |= dict.fromkeys(own, person_id)
    # A name without a row was erased.
    between = [
        conflicts_stored.Unjoined(
            statement=each, person_id=owners[each.name], other_person_id=owners[each.other]
        )
        for each in outside
        if each.name in owners and each.other in owners and owners[each.name] != owners[each.other]
    ]
    between.sort(key=lambda each: each.statement.order)
    return await conflicts_stored.with_reasons(
        connection, workspace_id, between[:_MOST_CONFLICTS], limits
    )
