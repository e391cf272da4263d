"""`/v1/people`: suppression of a person's events, and its end."""

from typing import Annotated

import structlog
from fastapi import Path
from sqlalchemy.ext.asyncio import AsyncConnection

from services.api.dependencies import DECODED, Caller, Database, Now
from services.api.errors import Code, RequestRefused
from services.api.http.routing import RequestBody, ScopedRouter
from services.api.queries import people as stored
from services.api.schemas import people as schemas
from shared.contracts.envelope import MAX_ID_CHARS
from shared.contracts.names import normal
from shared.ids import WorkspaceId
from shared.keys.principal import Scope
from shared.sources.hashing import PersonName, person_name
from shared.sources.source import ERASED

log = structlog.get_logger(__name__)

router = ScopedRouter(prefix="/v1/people", tags=["people"])

_MAX_BODY_BYTES = 8_192

PersonId = Annotated[
    str,
    Path(
        min_length=1,
        description="The person: `user:`, `email:` or `anonymous:` and the id. No event need have"
        " named them.",
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
    clear or as pseudonyms. Stored events stay; erasing them is another call. Repeating changes
    nothing: the first reason stays.
    """
    written, name = _person(person)
    workspace_id = database.workspace_id
    async with database.transaction() as connection:
        digests = await _digests(connection, workspace_id, written, name)
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
    refusals=[Code.INVALID_PERSON, Code.PERSON_ERASED],
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

    Events that were dropped in the meantime are lost. Repeating changes nothing.
    """
    written, name = _person(person)
    workspace_id = database.workspace_id
    async with database.transaction() as connection:
        digests = await _digests(connection, workspace_id, written, name)
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


def _person(person: str) -> tuple[str, PersonName]:
    """The person of the path, in the form in which names are stored. Raises RequestRefused."""
    prefix, separator, rest = person.partition(":")
    written = normal(prefix + separator + rest.strip())
    if len(rest.strip()) > MAX_ID_CHARS:
        raise RequestRefused(Code.INVALID_PERSON)
    try:
        return written, person_name(written)
    except ValueError:
        raise RequestRefused(Code.INVALID_PERSON) from None


async def _digests(
    connection: AsyncConnection, workspace_id: WorkspaceId, person: str, name: PersonName
) -> list[bytes]:
    """Digests of all names of the person; that of `name`, which is `person`'s, comes first."""
    others = [
        each for each in await stored.names_of(connection, workspace_id, person) if each != person
    ]
    return await stored.digests(connection, [name, *map(person_name, others)])


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
