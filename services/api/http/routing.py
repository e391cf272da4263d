"""Routes of the api: FastAPI's, with a scope that cannot be left out and every refusal documented."""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from inspect import cleandoc
from typing import Any, Required, TypedDict, TypeVar, Unpack, get_type_hints

from fastapi import APIRouter, Depends, Security
from fastapi.params import Query
from fastapi.routing import APIRoute
from fastapi.security import SecurityScopes
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from services.api.errors import Code
from services.api.http.limits import BoundedRequest, JsonRequest, read_body, unambiguous_query
from services.api.http.problems import Models, documented
from services.api.http.security import KEY, authorized
from shared.http.openapi import Json
from shared.keys.principal import Scope

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

_EVERYWHERE = (
    Code.UNAUTHENTICATED,
    Code.MISSING_SCOPE,
    Code.INTERNAL_ERROR,
    Code.KEYS_UNAVAILABLE,
    Code.DATABASE_UNAVAILABLE,
)
_WITH_BODY = (Code.BODY_TOO_LARGE, Code.BODY_TIMEOUT, Code.UNSUPPORTED_MEDIA_TYPE)
_WITH_JSON = (Code.INVALID_JSON, Code.INVALID_BODY)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestBody:
    """Limit and documentation of a body.

    `content` (media type to its OpenAPI object) is for a route that reads the bytes itself; else the
    body is JSON of the model in the route's signature, and `example` is one.
    """

    max_bytes: int
    description: str
    example: Any = None
    content: Mapping[str, Json] | None = None

    def documented(self) -> Json:
        """The part of `requestBody` that FastAPI cannot derive from the signature."""
        described: Json = {"description": f"{self.description} At most {self.max_bytes} bytes."}
        if self.content is None:
            described["content"] = {"application/json": {"example": self.example}}
        else:
            described |= {"required": True, "content": dict(self.content)}
        return described


class ScopedRoute(APIRoute):
    """A route that checks the key before it reads the body.

    FastAPI reads and parses a body before it resolves the first dependency. So the security dependency
    is called here as well, and the body is read within its limits, before FastAPI has its turn.
    """

    required_scope: Scope
    max_body_bytes: int | None = None
    codes: Sequence[Code] = ()
    models: Models

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, with the body bounded and the response not to be cached by default."""
        handle = super().get_route_handler()

        async def handle_bounded(request: Request) -> Response:
            if self.max_body_bytes is not None:
                await authorized(request, SecurityScopes([self.required_scope]), await KEY(request))
                body = await read_body(request.scope, request.receive, self.max_body_bytes)
                kind = BoundedRequest if self.body_field is None else JsonRequest
                request = kind(request, body)
            response = await handle(request)
            if response.status_code != HTTPStatus.NO_CONTENT:
                response.headers.setdefault("Cache-Control", "no-store")
            return response

        return handle_bounded


class Declaration(TypedDict, total=False):
    """Keywords of a route's decorator; beyond these, FastAPI's own."""

    scope: Required[Scope]
    refusals: Required[Sequence[Code]]
    """Codes beyond those that follow from the signature."""
    operation_id: Required[str]
    summary: Required[str]
    response_description: Required[str]
    response_model: object
    """Model of a response that the function encodes itself."""
    status_code: int
    example: Any
    """Body of the successful response, for the document."""
    responses: Mapping[int | str, Json]
    """Further responses, and headers of the successful one."""
    body: RequestBody


class ScopedRouter(APIRouter):
    """APIRouter whose routes name the scope that they need and the codes that they may answer.

    The description in the document is the docstring of the function.
    """

    def add_api_route(  # type: ignore[override]  # a route without a scope must not be writable
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        scope: Scope,
        refusals: Sequence[Code],
        methods: Iterable[str],
        example: object = None,
        responses: Mapping[int | str, Json] | None = None,
        body: RequestBody | None = None,
        status_code: int = 200,
        **options: Any,  # noqa: ANN401 - the rest of FastAPI's own
    ) -> None:
        """Add the route, and with GET also HEAD, which the document leaves out."""
        models = _models(endpoint)
        has_query = "query" in models
        codes = [*_EVERYWHERE, *refusals, *_implied(path, body, has_query=has_query)]
        dependencies = [Security(authorized, scopes=[scope.value])]
        if has_query:
            dependencies.append(Depends(unambiguous_query))
        answers = {status: dict(answer) for status, answer in (responses or {}).items()}
        if example is not None:
            answers.setdefault(status_code, {})["content"] = {
                "application/json": {"example": example}
            }
        if status_code == HTTPStatus.NO_CONTENT:
            # FastAPI's default class names a media type even without content.
            options["response_class"] = Response
        extra: Json = {"x-scope": scope.value}
        if body is not None:
            extra["requestBody"] = body.documented()
        for method in ["GET", "HEAD"] if "GET" in methods else methods:
            super().add_api_route(
                path,
                endpoint,
                methods=[method],
                status_code=status_code,
                dependencies=dependencies,
                description=f"{cleandoc(endpoint.__doc__ or '')}\n\nScope: `{scope}`.",
                responses={**answers, **documented(codes)},
                openapi_extra=extra,
                include_in_schema=method != "HEAD",
                route_class_override=ScopedRoute,
                **options,
            )
            route = self.routes[-1]
            assert isinstance(route, ScopedRoute)  # noqa: S101 - made two lines above
            if route.body_field is not None and body is None:
                message = f"{path} has a body in its signature and no `body` that limits it"
                raise TypeError(message)
            route.required_scope = scope
            route.max_body_bytes = body.max_bytes if body else None
            route.codes = codes
            route.models = models

    def get(  # type: ignore[override]
        self, path: str, **declaration: Unpack[Declaration]
    ) -> Callable[[Endpoint], Endpoint]:
        """Declare a route for GET and HEAD."""
        return self._declare("GET", path, declaration)

    def post(  # type: ignore[override]
        self, path: str, **declaration: Unpack[Declaration]
    ) -> Callable[[Endpoint], Endpoint]:
        """Declare a route for POST."""
        return self._declare("POST", path, declaration)

    def patch(  # type: ignore[override]
        self, path: str, **declaration: Unpack[Declaration]
    ) -> Callable[[Endpoint], Endpoint]:
        """Declare a route for PATCH."""
        return self._declare("PATCH", path, declaration)

    def delete(  # type: ignore[override]
        self, path: str, **declaration: Unpack[Declaration]
    ) -> Callable[[Endpoint], Endpoint]:
        """Declare a route for DELETE."""
        return self._declare("DELETE", path, declaration)

    def _declare(
        self, method: str, path: str, declaration: Declaration
    ) -> Callable[[Endpoint], Endpoint]:
        def decorate(endpoint: Endpoint) -> Endpoint:
            self.add_api_route(path, endpoint, methods=[method], **declaration)
            return endpoint

        return decorate


def _models(endpoint: Callable[..., Any]) -> Models:
    """Models of query and body, by the annotations of the endpoint's parameters."""
    models: dict[str, type[BaseModel]] = {}
    hints = get_type_hints(endpoint, include_extras=True)
    for hint in (hint for name, hint in hints.items() if name != "return"):
        if any(isinstance(each, Query) for each in getattr(hint, "__metadata__", ())):
            models["query"] = hint.__origin__
        elif isinstance(hint, type) and issubclass(hint, BaseModel):
            models["body"] = hint
    return models


def _implied(path: str, body: RequestBody | None, *, has_query: bool) -> list[Code]:
    codes: list[Code] = []
    if "{" in path:
        codes.append(Code.INVALID_PATH)
    if has_query:
        codes.append(Code.INVALID_REQUEST)
    if body is not None:
        codes += _WITH_BODY
        if body.content is None:
            codes += _WITH_JSON
    return codes
