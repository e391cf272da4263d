"""`GET /v1/stage` without FastAPI between the socket and the query: the one route served bare.

It makes the checks and the response that `routes.stage.get_stage` declares, in the same order (tested on
both). FastAPI's resolving of dependencies costs more than the query itself: see docs/decisions/0016.
"""

from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.routing import Match, Route
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from services.api.context import ApiContext
from services.api.http.limits import single_values
from services.api.http.problems import query_refusal
from services.api.routes.stage import stage_response
from services.api.schemas.stage import StageQuery
from shared.http.auth import authorize, bearer_token
from shared.keys.principal import Scope


class BareStage:
    """ASGI endpoint. The application's exception handlers respond to what it raises."""

    def __init__(self, context: ApiContext) -> None:
        self._context = context

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = Headers(scope=scope)
        token = bearer_token(headers.get("authorization"))
        principal = await authorize(self._context.keys, token, Scope.STAGES_READ)
        try:
            query = StageQuery.model_validate(single_values(scope["query_string"]))
        except ValidationError as exc:
            raise query_refusal(exc, StageQuery) from exc
        response = await stage_response(
            self._context, principal.workspace_id, query, headers.get("if-none-match")
        )
        await response(scope, receive, send)


class BareStageRoute(Route):
    """The route, which must come before the declared one."""

    def __init__(self, context: ApiContext) -> None:
        super().__init__("/v1/stage", BareStage(context), methods=["GET"], include_in_schema=False)

    def matches(self, scope: AsgiScope) -> tuple[Match, AsgiScope]:
        """As any route; the one in the scope names the request in metrics and logs."""
        match, child_scope = super().matches(scope)
        if match is not Match.NONE:
            child_scope["route"] = self
        return match, child_scope
