"""`/v1/people`: suppression of a person's events, and its end."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated

import structlog
from fastapi import Path
from sqlalchemy.ext.asyncio import AsyncConnection

from services.api.dependencies import DECODED, Caller, Database, Now
from services.api.errors import Code, RequestRefused
from services.api.http.problems import RETRY_AFTER
from services.api.http.routing import RequestBody, ScopedRouter
from services.api.queries import people as stored
from services.api.schemas import people as schemas
from shared.contracts.envelope import MAX_ID_CHARS
from shared.contracts.names import email_of, normal
from shared.ids import WorkspaceId
from shared.keys.principal import Scope
from shared.sources.hashing import person_name
from shared.sources.source import ERASED
from shared.storage.identity import erasure_requests

log = structlog.get_logger(__name__)

router = ScopedRouter(prefix="/v1/people", tags=["people"])

_MAX_BODY_BYTES = 8_192

PersonId = Annotated[
    str,
    Path(
        min_length=1,
        description="The person: `user:`, `external:`, `email:` or `anonymous:` and the id.",
    ),
    DECODED,
]


@router.post(
    "/{person:encoded}:suppress",
    operation_id="suppressPerson",
    scope=Scope.PEOPLE_WRITE,
    refusals=[Code.INVALID_PERSON],
    summary="Drop a person's events from now on",
    response_description="The state now.",
    example=schemas.SUPPRESSED_EXAMPLE,
    body=RequestBody(
        max_bytes=_MAX_BODY_BYTES, description="Why.", example=schemas.SUPPRESS_EXAMPLE
    ),
)
async def suppress_person(
    person: PersonId,
    caller: Caller,
    database: Database,
    now: Now,
    change: schemas.Suppress = schemas.Suppress(),  # noqa: B008 - frozen
) -> schemas.Suppression:
    """From a few seconds later on, ingest drops events that name the person, without an error.

    Applies to the given name and to all names that now belong to the same person, up to 500, in the
    clear or as pseudonyms; not to a device that others have used as well, unless it is the given name.
    Stored events stay; erasing them is another call. Repeating changes nothing: the first reason stays.
    """
    written = person_of_path(person)
    workspace_id = database.workspace_id
    async with database.transaction() as connection:
        names = await _names(connection, workspace_id, written, with_shared_devices=False)
        digests = await _digests(connection, names)
        await stored.suppress(
            connection,
            workspace_id,
            digests,
            reason=change.reason,
            by=caller.key_id,
            now=now,
        )
        state = await _state(connection, workspace_id, written, digests)
    log.info("person_suppressed", key_id=caller.key_id, names=state.names)
    return state


@router.post(
    "/{person:encoded}:unsuppress",
    operation_id="unsuppressPerson",
    scope=Scope.PEOPLE_WRITE,
    refusals=[Code.INVALID_PERSON, Code.PERSON_ERASED, Code.ERASURE_UNDER_WAY],
    summary="Accept a person's events again",
    response_description="The state now.",
    example=schemas.UNSUPPRESSED_EXAMPLE,
    body=RequestBody(
        max_bytes=_MAX_BODY_BYTES, description="How far.", example=schemas.UNSUPPRESS_EXAMPLE
    ),
)
async def unsuppress_person(
    person: PersonId,
    caller: Caller,
    database: Database,
    now: Now,
    change: schemas.Unsuppress = schemas.Unsuppress(),  # noqa: B008 - frozen
) -> schemas.Suppression:
    """From a few seconds later on, ingest accepts events that name the person again.

    Events that were dropped in the meantime are lost. Repeating changes nothing. While an erasure of
    the person is under way, which would suppress them again, nothing is changed: 409.
    """
    written = person_of_path(person)
    workspace_id = database.workspace_id
    async with database.transaction() as connection:
        names = await _names(connection, workspace_id, written)
        digests = await _digests(connection, names)
        # Before the list is read: an erasure that is carried out between the two is then on the list.
        await _refuse_during_erasure(connection, workspace_id, names, digests, now=now)
        rows = await stored.rows(connection, workspace_id, digests)
        is_erased = any(row.lifted_at is None and row.reason == ERASED for row in rows)
        if is_erased and not change.erased:
            raise RequestRefused(Code.PERSON_ERASED)
        await stored.lift(
            connection,
            workspace_id,
            digests,
            even_erased=change.erased,
            by=caller.key_id,
            now=now,
        )
        state = await _state(connection, workspace_id, written, digests)
    log.info("person_unsuppressed", key_id=caller.key_id, names=state.names)
    return state


def person_of_path(person: str) -> str:
    """The person of the path, in the form in which names are stored. Raises RequestRefused."""
    prefix, separator, rest = person.partition(":")
    written = normal(prefix + separator + rest.strip())
    if len(rest.strip()) > MAX_ID_CHARS:
        raise RequestRefused(Code.INVALID_PERSON)
    try:
        person_name(written)
    except ValueError:
        raise RequestRefused(Code.INVALID_PERSON) from None
    return written


async def _names(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    person: str,
    *,
    with_shared_devices: bool = True,
) -> list[str]:
    """All names of the person; `person` comes first."""
    others = await stored.names_of(
        connection, workspace_id, person, with_shared_devices=with_shared_devices
    )
    return [person, *(each for each in others if each != person)]


async def _digests(connection: AsyncConnection, names: Iterable[str]) -> list[bytes]:
    return await stored.digests(connection, [person_name(each) for each in names])


async def _refuse_during_erasure(
    connection: AsyncConnection,
    workspace_id: WorkspaceId,
    names: Sequence[str],
    digests: Sequence[bytes],
    *,
    now: datetime,
) -> None:
    """Raise RequestRefused while a request to erase one of the names is under way.

    Erasing an address erases every id that is this address.
    """
    addresses = {email for each in names if (email := email_of(each)) is not None}
    concerned = [*digests, *await _digests(connection, sorted(addresses))]
    if await erasure_requests.is_under_way(connection, workspace_id, concerned, now=now):
        raise RequestRefused(Code.ERASURE_UNDER_WAY, headers=RETRY_AFTER)


async def _state(
    connection: AsyncConnection, workspace_id: WorkspaceId, person: str, digests: list[bytes]
) -> schemas.Suppression:
    row = next(iter(await stored.rows(connection, workspace_id, digests[:1])), None)
    is_listed = row is not None and row.lifted_at is None
    return schemas.Suppression(
        person=person,
        suppressed=is_listed,
        since=row.suppressed_at if row is not None and is_listed else None,
        reason=row.reason if row is not None and is_listed else None,
        names=len(digests),
    )
