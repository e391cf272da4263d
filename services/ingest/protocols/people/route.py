"""`POST /v1/people/{person}:erase`: erase a person.

An erasure takes the same way as events, through the log: so it is as durable as the events that it erases,
and a replay of the log repeats it. docs/privacy.md lists what it removes.
"""

from dataclasses import replace

from starlette.routing import Route

from services.ingest.events.verdicts import RefusalCode
from services.ingest.http import response
from services.ingest.http.rejections import RequestRejected
from services.ingest.http.response import RawResponse
from services.ingest.intake import Ingest
from services.ingest.protocols.common.endpoint import Conventions, plain_route
from services.ingest.protocols.common.exchange import Exchange
from services.ingest.protocols.people.parse import parse_body, parse_person
from shared.http.auth import bearer_token
from shared.ids import new_message_id
from shared.keys.principal import Scope

PATH = "/v1/people/{person}:erase"
_ROUTER_PATH = "/v1/people/{person:encoded}:erase"


def routes(ingest: Ingest) -> list[Route]:
    """The one path."""
    conventions = Conventions(is_for_browsers=False)
    return [plain_route(ingest, _ROUTER_PATH, _erase, conventions, label=PATH)]


async def _erase(exchange: Exchange) -> RawResponse:
    """Accept one erasure."""
    ingest = exchange.ingest
    received_at = ingest.clock.now()
    holder = await ingest.authenticate(
        bearer_token(exchange.authorization), PATH, scope=Scope.PEOPLE_ERASE
    )
    # Without the rules of a source: a name that one hashes would erase the pseudonym alone, while the
    # plain name leads to both.
    principal = exchange.principal = replace(holder, source_id=None)
    # `identify`, not `admit`: neither pause nor limit may delay an erasure.
    sender = await ingest.gatekeeper.identify(principal)
    body = parse_body(await exchange.read())
    if body is None:
        raise invalid_erasure()
    message_id = body.message_id or new_message_id()
    person = exchange.path_parameter("person")
    candidate = None if person is None else parse_person(person, message_id)
    if candidate is None:
        raise invalid_person()
    decisions = await ingest.store([candidate], sender=sender, received_at=received_at, route=PATH)
    if any(refusal.code is RefusalCode.JUNK_NAMES for _, refusal in decisions.refused):
        raise junk_name()
    if decisions.refused:
        raise invalid_person()
    return response.json(202, {"message_id": message_id})


def invalid_person() -> RequestRejected:
    """The path names no person."""
    return RequestRejected(
        400,
        "invalid_person",
        "A person is named by user:, external:, email: or anonymous: and their id, at most 512"
        " characters.",
    )


def junk_name() -> RequestRejected:
    """The path names nobody."""
    return RequestRejected(
        422,
        "junk_name",
        "The id is a word like `undefined`, or an unfilled template: it names nobody, so there is nobody"
        " to erase.",
    )


def invalid_erasure() -> RequestRejected:
    """The body is no such object."""
    return RequestRejected(
        422,
        "invalid_body",
        "The body is left out, or a JSON object with a `message_id` of at most 100 characters.",
    )
