"""`POST /v1/people/{person}:merge` and `:unmerge`, and the same of accounts: an operator's statements.

A statement takes the same way as events, through the log, with its author and reason: so it is as durable as
the events that it is about, and a replay of the log repeats it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from starlette.routing import Route

from services.ingest.decisions import Decisions
from services.ingest.events.candidate import ForeignCandidate
from services.ingest.events.verdicts import RefusalCode
from services.ingest.http import response
from services.ingest.http.response import RawResponse
from services.ingest.intake import Ingest
from services.ingest.protocols.common.endpoint import Conventions, plain_route
from services.ingest.protocols.common.exchange import Exchange
from services.ingest.protocols.statements.parse import (
    Fault,
    Statement,
    Verb,
    about_accounts,
    about_people,
    parse_body,
)
from services.ingest.protocols.statements.rejections import rejected
from shared.http.auth import bearer_token
from shared.keys.principal import Scope

SCOPE = Scope.IDENTITY_WRITE
PEOPLE = "/v1/people/{person}"
ACCOUNTS = "/v1/accounts/{account_id}"
VERBS: tuple[Verb, ...] = ("merge", "unmerge")


def routes(ingest: Ingest) -> list[Route]:
    """The four paths."""
    conventions = Conventions(is_for_browsers=False)
    subjects = ((PEOPLE, "person", about_people), (ACCOUNTS, "account_id", about_accounts))
    return [
        plain_route(
            ingest,
            f"{path.replace(name, f'{name}:encoded')}:{verb}",
            _handler(verb, f"{path}:{verb}", name, meaning),
            conventions,
            label=f"{path}:{verb}",
        )
        for path, name, meaning in subjects
        for verb in VERBS
    ]


_Handler = Callable[[Exchange], Awaitable[RawResponse]]
_Meaning = Callable[[str | None, Statement], ForeignCandidate | Fault]


def _handler(verb: Verb, route: str, parameter: str, meaning: _Meaning) -> _Handler:
    async def state(exchange: Exchange) -> RawResponse:
        ingest = exchange.ingest
        holder = await ingest.authenticate(bearer_token(exchange.authorization), route, scope=SCOPE)
        # Without the rules of a source, which are for its senders: a hashed name is named by its pseudonym.
        principal = exchange.principal = replace(holder, source_id=None)
        # `identify`, not `admit`: the limits of events are not those of an operator.
        sender = await ingest.gatekeeper.identify(principal)
        said = parse_body(await exchange.read(), verb, holder.author)
        if isinstance(said, Fault):
            raise rejected(said, verb)
        event = meaning(exchange.path_parameter(parameter), said)
        if isinstance(event, Fault):
            raise rejected(event, verb)
        received_at = ingest.clock.now()
        decisions = await ingest.decide([event], sender=sender, received_at=received_at)
        fault = _fault(decisions)
        if fault is not None:
            raise rejected(fault, verb)
        await ingest.store([event], sender=sender, received_at=received_at, route=route)
        return response.json(202, {"message_id": event.message_id})

    return state


def _fault(decisions: Decisions) -> Fault | None:
    """Why the event is not stored as it was said: an event would live on by its other names."""
    if decisions.ignored or any(
        refusal.code is RefusalCode.JUNK_NAMES for _, refusal in decisions.refused
    ):
        return Fault.JUNK_NAME
    if decisions.dropped:
        return Fault.PERSON_SUPPRESSED
    return Fault.INVALID_NAME if decisions.refused else None
