"""One call of the api: its route, its scope, its documentation and its handler, declared together.

What is declared is what is served: the OpenAPI document is built from the same `Operation` that the
route runs, a call without a scope cannot be written down, and every way to be refused goes through
one place. Routes are plain Starlette routes, so that any ASGI application can mount them.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

import structlog
from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from services.api import wire
from services.api.errors import DETAIL, STATUS, Code, RequestRefused
from shared.errors import TransientError
from shared.http.auth import MissingScope, NotAuthenticated, authorize, bearer_token, denial
from shared.http.problem import problem
from shared.keys.cache import KeyCache
from shared.keys.principal import Principal, Scope

log = structlog.get_logger(__name__)

M = TypeVar("M", bound=BaseModel)

RETRY_AFTER = {"Retry-After": "2"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that may pass: who asks, and the checked pieces of what is asked."""

    principal: Principal
    path: Mapping[str, str]
    query_string: bytes
    headers: Headers
    body: bytes

    def query(self, model: type[M]) -> M:
        """Query parameters as `model`. Raises RequestRefused(invalid_request)."""
        return wire.query(model, wire.query_values(self.query_string))

    def json(self, model: type[M]) -> M:
        """JSON body as `model`. Raises RequestRefused."""
        return wire.json_body(model, self.body)


Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a call takes as its body. `schema` None: any text of `media_types`."""

    media_types: tuple[str, ...]
    max_bytes: int
    description: str
    schema: type[BaseModel] | None = None
    examples: Mapping[str, Any] = field(default_factory=dict)
    is_required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A successful answer, as documented. `schema` None: no content."""

    status: int
    description: str
    schema: type[BaseModel] | None = None
    example: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Header name to its description."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A call. `path` names parameters in braces; `parameters` describes them."""

    method: str
    path: str
    operation_id: str
    tag: str
    summary: str
    description: str
    scope: Scope
    handler: Handler
    answers: Sequence[Answer]
    refusals: Sequence[Code] = ()
    """Codes beyond those that every call may answer."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    query: type[BaseModel] | None = None
    body: Body | None = None

    def codes(self) -> list[Code]:
        """Every way in which this call may be refused."""
        codes = [*_EVERYWHERE, *self.refusals]
        if self.path.count("{"):
            codes.append(Code.INVALID_PATH)
        if self.query is not None:
            codes.append(Code.INVALID_REQUEST)
        if self.body is not None:
            codes += [Code.BODY_TOO_LARGE, Code.BODY_TIMEOUT, Code.UNSUPPORTED_MEDIA_TYPE]
            if self.body.schema is not None:
                codes += [Code.INVALID_JSON, Code.INVALID_BODY]
        return sorted(set(codes), key=lambda code: (STATUS[code], code))


_EVERYWHERE = (
    Code.UNAUTHENTICATED,
    Code.MISSING_SCOPE,
    Code.INTERNAL_ERROR,
    Code.KEYS_UNAVAILABLE,
    Code.DATABASE_UNAVAILABLE,
)


class ApiRoute(Route):
    """Serves the operations of one path.

    The path is matched as it was sent, before percent-decoding, so that an id may hold slashes
    (`%2F`) and still be told from the path around it. Unencoded slashes inside an id work as well
    where nothing else matches.
    """

    def __init__(self, operations: Sequence[Operation], keys: KeyCache) -> None:
        """`operations` share one path and differ in method."""
        path = operations[0].path
        super().__init__(
            path,
            _never,
            methods=[operation.method for operation in operations],
            name=operations[0].operation_id,
            include_in_schema=False,
        )
        self._operations = {operation.method: operation for operation in operations}
        if "GET" in self._operations:
            self._operations["HEAD"] = self._operations["GET"]
        self._keys = keys
        self._pattern = re.compile(_pattern(path))

    def matches(self, scope: AsgiScope) -> tuple[Match, AsgiScope]:
        """Whether the raw path is this route's; FULL also for other methods, which `handle` refuses."""
        if scope["type"] != "http":
            return Match.NONE, {}
        match = self._pattern.fullmatch(_raw_path(scope))
        if match is None:
            return Match.NONE, {}
        found = Match.FULL if scope["method"] in self._operations else Match.PARTIAL
        # The route in the scope names the request in metrics and logs.
        return found, {
            "endpoint": self.endpoint,
            "path_params": match.groupdict(),
            "route": self,
        }

    async def handle(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer one request; nothing but a cancellation leaves this frame."""
        try:
            response = await self._answer(scope, receive)
        except RequestRefused as exc:
            response = refusal(exc, scope)
        except (MissingScope, NotAuthenticated) as exc:
            response = denial(exc)
        except TransientError as exc:
            log.warning("database_unavailable", error=type(exc.__cause__ or exc).__name__)
            response = refusal(
                RequestRefused(Code.DATABASE_UNAVAILABLE, headers=RETRY_AFTER), scope
            )
        except Exception:  # the outermost frame of a request
            log.exception("request_failed", route=self.path)
            response = refusal(RequestRefused(Code.INTERNAL_ERROR), scope)
        await response(scope, receive, send)

    async def _answer(self, scope: AsgiScope, receive: Receive) -> Response:
        operation = self._operations.get(scope["method"])
        if operation is None:
            allow = ", ".join(sorted(self._operations))
            raise RequestRefused(Code.METHOD_NOT_ALLOWED, headers={"Allow": allow})
        headers = Headers(scope=scope)
        principal = await authorize(
            self._keys, bearer_token(headers.get("authorization")), operation.scope
        )
        path: dict[str, str] = {}
        for name, encoded in scope["path_params"].items():
            decoded = wire.text(encoded)
            if decoded is None:
                raise RequestRefused(Code.INVALID_PATH)
            path[name] = decoded
        body = b""
        if operation.body is not None:
            body = await wire.body(scope, receive, operation.body.max_bytes)
        return await operation.handler(
            Call(
                principal=principal,
                path=path,
                query_string=scope["query_string"],
                headers=headers,
                body=body,
            )
        )


def routes(operations: Sequence[Operation], keys: KeyCache) -> list[ApiRoute]:
    """One route for each path, in the order in which the paths first appear, open-ended ones last.

    A parameter takes slashes as well: `{account_id}` would take `{account_id}/history` for an id.
    """
    by_path: dict[str, list[Operation]] = {}
    for operation in operations:
        by_path.setdefault(operation.path, []).append(operation)
    paths = sorted(by_path, key=lambda path: path.endswith("}"))
    return [ApiRoute(by_path[path], keys) for path in paths]


def refusal(refused: RequestRefused, scope: AsgiScope) -> Response:
    """The problem that tells of `refused`."""
    return problem(
        STATUS[refused.code],
        refused.code.value,
        refused.detail,
        errors=refused.errors,
        headers=refused.headers,
        request_id=scope.get("state", {}).get("request_id"),
    )


def json_answer(model: BaseModel, *, status: int = 200) -> Response:
    """`model` as the answer of a call that is read anew each time."""
    return Response(
        model.model_dump_json(),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def describe(code: Code) -> str:
    """What `code` means, for the document."""
    return DETAIL[code]


def _pattern(path: str) -> bytes:
    """Regular expression for the raw path. Everything between two fixed parts is the parameter."""
    pattern = ""
    for part in re.split(r"(\{\w+\})", path):
        is_parameter = part.startswith("{")
        pattern += f"(?P<{part[1:-1]}>.+)" if is_parameter else re.escape(part)
    return pattern.encode("ascii")


def _raw_path(scope: AsgiScope) -> bytes:
    raw: bytes = scope.get("raw_path") or quote(scope["path"], safe="/:").encode("ascii")
    root = scope.get("root_path", "").encode("utf-8")
    if root and raw.startswith(root):
        raw = raw[len(root) :]
    # A colon may be sent either way and means the same; the methods after one must be found.
    return raw.replace(b"%3A", b":").replace(b"%3a", b":")


async def _never(_: object) -> Response:
    message = "an ApiRoute is served by its handle"
    raise NotImplementedError(message)
