"""`DELETE /v1/touchpoints/{message_id}` and `DELETE /v1/imports/{import_id}`.

A retraction takes the same way as events, through the log, with its author and reason: so it is as durable as
the events that it takes back, and a replay of the log repeats it. docs/decisions/0029 has the rules.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from starlette.routing import Route

from services.ingest.http import response
from services.ingest.http.query import parameters
from services.ingest.http.response import RawResponse
from services.ingest.intake import Ingest
from services.ingest.protocols.common.endpoint import Conventions, plain_route
from services.ingest.protocols.common.exchange import Exchange
from services.ingest.protocols.retractions.parse import Target, parse_query, retraction
from services.ingest.protocols.retractions.rejections import (
    import_unknown,
    invalid_retraction,
    message_id_ambiguous,
    touchpoint_unknown,
    touchpoints_unavailable,
)
from shared.contracts.envelope import MAX_IMPORT_ID_CHARS
from shared.contracts.message_ids import MAX_STORED_CHARS
from shared.errors import TransientError
from shared.http.auth import bearer_token
from shared.keys.principal import Principal, Scope
from shared.sources.retraction import IMPORT_ROUTE, TOUCHPOINT_ROUTE

SCOPE = Scope.EVENTS_RETRACT
TOUCHPOINT = TOUCHPOINT_ROUTE
IMPORT = IMPORT_ROUTE

_PATHS: dict[Target, tuple[str, str, int]] = {
    "touchpoint": (TOUCHPOINT, "message_id", MAX_STORED_CHARS),
    "import": (IMPORT, "import_id", MAX_IMPORT_ID_CHARS),
}
_MOST = 100
"""Touchpoints of one message id that `all=true` takes back: more senders than share an id."""


def routes(ingest: Ingest) -> list[Route]:
    """The two paths."""
    conventions = Conventions(methods=frozenset({"DELETE"}), is_for_browsers=False)
    return [
        plain_route(
            ingest,
            path.replace(name, f"{name}:encoded"),
            _handler(target),
            conventions,
            label=path,
        )
        for target, (path, name, _) in _PATHS.items()
    ]


def _handler(target: Target) -> Callable[[Exchange], Awaitable[RawResponse]]:
    path, parameter, most_chars = _PATHS[target]

    async def delete(exchange: Exchange) -> RawResponse:
        ingest = exchange.ingest
        holder = await ingest.authenticate(bearer_token(exchange.authorization), path, scope=SCOPE)
        principal = exchange.principal = replace(holder, source_id=None)
        # `identify`, not `admit`: the limits of events are not those of an operator.
        sender = await ingest.gatekeeper.identify(principal)
        request = parse_query(parameters(exchange.query), target)
        name = exchange.path_parameter(parameter)
        if request is None or name is None or not 0 < len(name.strip()) <= most_chars:
            raise invalid_retraction(target)
        name = name.strip()
        if target == "import":
            targets = await _import(ingest, principal, name)
        else:
            targets = await _touchpoints(
                ingest, principal, name, request.source, takes_all=request.takes_all
            )
        received_at = ingest.clock.now()
        envelopes = [
            retraction(target, each, request.reason, principal=principal, received_at=received_at)
            for each in targets
        ]
        await ingest.append(envelopes, sender=sender, received_at=received_at, route=path)
        return response.json(202, {"message_ids": [each.message_id for each in envelopes]})

    return delete


async def _import(ingest: Ingest, principal: Principal, import_id: str) -> list[str]:
    try:
        is_stored = await ingest.touchpoints.has_import(principal.workspace_id, import_id)
    except TransientError as exc:
        raise touchpoints_unavailable() from exc
    if not is_stored:
        raise import_unknown()
    return [import_id]


async def _touchpoints(
    ingest: Ingest, principal: Principal, message_id: str, source: str | None, *, takes_all: bool
) -> list[str]:
    try:
        stored = await ingest.touchpoints.ids_of(principal.workspace_id, message_id, source)
    except TransientError as exc:
        raise touchpoints_unavailable() from exc
    if not stored:
        raise touchpoint_unknown()
    if len(stored) > (_MOST if takes_all else 1):
        raise message_id_ambiguous()
    return list(stored)
