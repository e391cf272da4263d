"""Exceptions of a request to problems, and the refusals of a route as the document shows them."""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from services.api.errors import STATUS, Code, RequestRefused
from services.api.http.known_names import unknown_name
from shared.errors import TransientError
from shared.http import openapi
from shared.http.auth import MissingScope, NotAuthenticated, denial
from shared.http.openapi import Json
from shared.http.problem import FieldProblem, problem, unrouted

log = structlog.get_logger(__name__)

ExceptionHandler = Callable[[Request, Any], Coroutine[Any, Any, Response]]

Models = Mapping[str, type[BaseModel]]
"""Part of a request, `query` or `body`, to the model that it must fit."""

RETRY_AFTER = {"Retry-After": "2"}

_MAX_ERRORS = 20
"""Places named in one response: enough to repair a body, too few to make the response large."""

_JSON_MESSAGES = {
    "model_type": "Input should be an object",
    "model_attributes_type": "Input should be an object",
    "dict_type": "Input should be an object",
    "list_type": "Input should be a valid array",
}
"""Messages of pydantic that name Python's types, in the words of JSON."""


def refusal(refused: RequestRefused, request: Request) -> Response:
    """The problem that answers `refused`."""
    return problem(
        STATUS[refused.code],
        refused.code.value,
        refused.detail,
        errors=refused.errors,
        headers=refused.headers,
        request_id=request.scope.get("state", {}).get("request_id"),
    )


async def _refused(request: Request, exc: RequestRefused) -> Response:
    return refusal(exc, request)


async def _denied(_: Request, exc: MissingScope | NotAuthenticated) -> Response:
    return denial(exc)


async def _unavailable(request: Request, exc: TransientError) -> Response:
    log.warning("database_unavailable", error=type(exc.__cause__ or exc).__name__)
    return refusal(RequestRefused(Code.DATABASE_UNAVAILABLE, headers=RETRY_AFTER), request)


async def _invalid(request: Request, exc: RequestValidationError) -> Response:
    return refusal(validation_refusal(exc.errors(), request.scope["route"].models), request)


async def _unrouted(request: Request, exc: HTTPException) -> Response:
    if exc.status_code == HTTPStatus.METHOD_NOT_ALLOWED and "route" in request.scope:
        exc = HTTPException(
            exc.status_code, headers={"Allow": ", ".join(sorted(_methods(request)))}
        )
    return await unrouted(request, exc)


def _methods(request: Request) -> set[str]:
    """Methods of every route with the path of the one that was matched: each route holds one."""
    path = request.scope["route"].path
    return {
        method
        for context in iter_route_contexts(request.app.routes)
        if context.path == path
        for method in context.methods or ()
    }


HANDLERS: dict[int | type[Exception], ExceptionHandler] = {
    RequestRefused: _refused,
    NotAuthenticated: _denied,
    MissingScope: _denied,
    TransientError: _unavailable,
    RequestValidationError: _invalid,
    HTTPException: _unrouted,
}


def validation_refusal(errors: Sequence[Mapping[str, Any]], models: Models) -> RequestRefused:
    """Refusal for the errors of FastAPI, which collects those of path, query and body together.

    The first of these that is wrong decides, in that order. Pointers lead into the body, or to
    `/query/<name>`; nothing of the request is repeated.
    """
    by_place: dict[str, list[Mapping[str, Any]]] = {}
    for error in errors:
        by_place.setdefault(error["loc"][0], []).append(error)
    if "path" in by_place:
        return RequestRefused(Code.INVALID_PATH)
    if "query" in by_place:
        return RequestRefused(
            Code.INVALID_REQUEST, errors=field_problems(by_place["query"], models)
        )
    in_body = by_place["body"]
    if any(_is_no_json(error) for error in in_body):
        return RequestRefused(Code.INVALID_JSON)
    return RequestRefused(Code.INVALID_BODY, errors=field_problems(in_body, models))


def _is_no_json(error: Mapping[str, Any]) -> bool:
    # An empty body is missing as a whole.
    is_empty = error["type"] == "missing" and tuple(error["loc"]) == ("body",)
    return is_empty or error["type"] == "json_invalid"


def query_refusal(exc: ValidationError, model: type[BaseModel]) -> RequestRefused:
    """Refusal for a query that was checked by `model` without FastAPI."""
    errors = exc.errors(include_input=False, include_url=False)
    located = [{**error, "loc": ("query", *error["loc"])} for error in errors]
    return validation_refusal(located, {"query": model})


def field_problems(errors: Sequence[Mapping[str, Any]], models: Models) -> list[FieldProblem]:
    """Places that are wrong; the first step of each location names the part of the request."""
    return [_field_problem(error, models) for error in errors[:_MAX_ERRORS]]


def _field_problem(error: Mapping[str, Any], models: Models) -> FieldProblem:
    part, *location = error["loc"]
    if error["type"] == "extra_forbidden":
        detail = unknown_name(models.get(part), location)
        # The last step is a name that the caller made up: point at what holds it.
        location.pop()
    elif error["type"] == "value_error":
        detail = str(error["ctx"]["error"])
    else:
        detail = _JSON_MESSAGES.get(error["type"], error["msg"])
    steps = location if part == "body" else [part, *location]
    return FieldProblem(pointer="".join(f"/{step}" for step in steps), detail=detail)


def documented(codes: Iterable[Code]) -> dict[int | str, Json]:
    """Responses with these codes, as a route's `responses`; `services.api.document` has the examples."""
    by_status: dict[int, list[Code]] = {}
    for code in sorted(set(codes), key=lambda code: (STATUS[code], code)):
        by_status.setdefault(STATUS[code], []).append(code)
    return {
        status: openapi.refusal(
            status,
            {code.value: {"$ref": f"#/components/examples/{code.value}"} for code in of_status},
        )
        for status, of_status in by_status.items()
    }
