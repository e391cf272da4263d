"""`/v1/people`: people who want to be left alone, and who no longer do."""

from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from starlette.responses import Response

from services.api.errors import Code, RequestRefused
from services.api.operation import Answer, Body, Call, Operation, json_answer
from services.api.queries import people as stored
from services.api.queries.connections import workspace_transaction
from services.api.queries.stage import canonical
from services.api.schemas import people as schemas
from shared.clock import Clock
from shared.contracts.envelope import MAX_ID_CHARS
from shared.ids import WorkspaceId
from shared.keys.principal import Scope
from shared.sources.hashing import PersonName, person_name
from shared.sources.source import ERASED

log = structlog.get_logger(__name__)

_MAX_BODY_BYTES = 8_192
_PERSON = (
    "The person: `user:`, `email:` or `anonymous:` and the id. Nobody need have heard of them."
)
_EXAMPLE: dict[str, Any] = {
    "person": "email:ann@acme.example",
    "suppressed": True,
    "since": "2026-03-02T09:30:00Z",
    "reason": "asked by mail",
    "names": 3,
}


class PeopleRoutes:
    """Puts people on the list that ingest goes by, and takes them off it."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        """`engine` in the api's role; `clock` says when something was asked."""
        self._engine = engine
        self._clock = clock

    def operations(self) -> list[Operation]:
        """The calls of this resource."""
        return [
            Operation(
                method="POST",
                path="/v1/people/{person}:suppress",
                operation_id="suppressPerson",
                tag="people",
                summary="Leave a person alone",
                description=(
                    "From a few seconds later on, events that name the person are dropped at the"
                    " door, and their senders are not told. Holds for the name given and all that"
                    " are known to be the same person's now, up to 500, openly or as pseudonyms."
                    " What is stored already stays; erasing it is another call. Repeating changes"
                    " nothing: the first reason stays."
                ),
                scope=Scope.PEOPLE_WRITE,
                handler=self.suppress,
                parameters={"person": _PERSON},
                body=Body(
                    media_types=("application/json",),
                    max_bytes=_MAX_BODY_BYTES,
                    description="Why.",
                    schema=schemas.Suppress,
                    examples={"asked": {"reason": "asked by mail"}},
                    is_required=False,
                ),
                answers=[_shown(_EXAMPLE)],
                refusals=[Code.INVALID_PERSON],
            ),
            Operation(
                method="POST",
                path="/v1/people/{person}:unsuppress",
                operation_id="unsuppressPerson",
                tag="people",
                summary="Let a person in again",
                description=(
                    "Events that name the person are taken in again from a few seconds later on."
                    " Those that were dropped meanwhile are gone. Repeating changes nothing."
                ),
                scope=Scope.PEOPLE_WRITE,
                handler=self.unsuppress,
                parameters={"person": _PERSON},
                body=Body(
                    media_types=("application/json",),
                    max_bytes=_MAX_BODY_BYTES,
                    description="How far.",
                    schema=schemas.Unsuppress,
                    examples={"back": {}, "erased": {"erased": True}},
                    is_required=False,
                ),
                answers=[_shown({**_EXAMPLE, "suppressed": False, "since": None, "reason": None})],
                refusals=[Code.INVALID_PERSON, Code.PERSON_ERASED],
            ),
        ]

    async def suppress(self, call: Call) -> Response:
        """Leave a person alone."""
        asked = call.json(schemas.Suppress) if call.body else schemas.Suppress()
        person, name = _person(call)
        workspace_id = call.principal.workspace_id
        async with workspace_transaction(self._engine, workspace_id) as connection:
            names, digest, digests = await _digests(connection, workspace_id, person, name)
            await stored.suppress(
                connection,
                workspace_id,
                digests,
                reason=asked.reason,
                by=call.principal.key_id,
                now=self._clock.now(),
            )
            answer = await _told(connection, workspace_id, person, digest, names)
        log.info("person_suppressed", key_id=call.principal.key_id, names=names)
        return json_answer(answer)

    async def unsuppress(self, call: Call) -> Response:
        """Let a person in again."""
        asked = call.json(schemas.Unsuppress) if call.body else schemas.Unsuppress()
        person, name = _person(call)
        workspace_id = call.principal.workspace_id
        async with workspace_transaction(self._engine, workspace_id) as connection:
            names, digest, digests = await _digests(connection, workspace_id, person, name)
            listed = await stored.rows(connection, workspace_id, digests)
            erased = any(row.lifted_at is None and row.reason == ERASED for row in listed)
            if erased and not asked.erased:
                raise RequestRefused(Code.PERSON_ERASED)
            await stored.lift(
                connection,
                workspace_id,
                digests,
                even_erased=asked.erased,
                by=call.principal.key_id,
                now=self._clock.now(),
            )
            answer = await _told(connection, workspace_id, person, digest, names)
        log.info("person_unsuppressed", key_id=call.principal.key_id, names=names)
        return json_answer(answer)


def _shown(example: dict[str, Any]) -> Answer:
    return Answer(
        status=200,
        description="How it stands now.",
        schema=schemas.Suppression,
        example=example,
    )


def _person(call: Call) -> tuple[str, PersonName]:
    """The person of the path, in the form in which names are stored. Raises RequestRefused."""
    prefix, separator, rest = call.path["person"].partition(":")
    person = canonical(prefix + separator + rest.strip())
    if len(rest.strip()) > MAX_ID_CHARS:
        raise RequestRefused(Code.INVALID_PERSON)
    try:
        return person, person_name(person)
    except ValueError:
        raise RequestRefused(Code.INVALID_PERSON) from None


async def _digests(
    connection: AsyncConnection, workspace_id: WorkspaceId, person: str, name: PersonName
) -> tuple[int, bytes, list[bytes]]:
    """How many names the person has, and the digests of the one given and of all."""
    others = [
        each for each in await stored.names_of(connection, workspace_id, person) if each != person
    ]
    found = await stored.digests(connection, [name, *map(person_name, others)])
    return len(found), found[0], found


async def _told(
    connection: AsyncConnection, workspace_id: WorkspaceId, person: str, digest: bytes, names: int
) -> schemas.Suppression:
    row = next(iter(await stored.rows(connection, workspace_id, [digest])), None)
    is_listed = row is not None and row.lifted_at is None
    return schemas.Suppression(
        person=person,
        suppressed=is_listed,
        since=row.suppressed_at if row is not None and is_listed else None,
        reason=row.reason if row is not None and is_listed else None,
        names=names,
    )
