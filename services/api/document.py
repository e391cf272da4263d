"""The api's part of the OpenAPI document: what FastAPI derives from the routes, made exact.

Connects to nothing: the routes are declared at import.
"""

from functools import cache

from fastapi.openapi.utils import get_openapi

from services.api.errors import DETAIL, STATUS, Code
from services.api.http.routing import ScopedRoute
from services.api.routes import ROUTERS
from shared.http.openapi import Json, Part, problem_schemas
from shared.http.problem import members

_DESCRIPTION = """\
The stage of record for customer journeys: for every account, on every journey that it is on, which
stage, since when, because of which event and rule, and what is missing for the next one.

Lists answer `items` and `next_cursor`.
"""

_TAGS = {
    "stage": "Where subjects stand now: the fast path for personalization.",
    "accounts": "Lists, profiles, history, touchpoints and reasons.",
    "alerts": "Findings that need attention.",
    "kpis": "Numbers that are measured elsewhere.",
    "journeys": "Maps as data: versioned, immutable once published.",
    "people": "People whose events are suppressed or erased.",
    "sources": "Senders of events, how their events are treated, and what arrived.",
    "workspaces": "Apart from each other in everything; for the key of an operator.",
}


@cache
def part() -> Part:
    """What the api serves: the routes of all routers that are in the schema.

    The same for each application of the process, since the routes are declared at import.
    """
    routes = [route for router in ROUTERS for route in router.routes]
    derived = get_openapi(title="", version="", routes=routes)
    paths, schemas = derived["paths"], derived["components"]["schemas"]
    # FastAPI's own form of an invalid request, which `services.api.http.problems` replaces.
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    codes: set[Code] = set()
    for route in routes:
        if isinstance(route, ScopedRoute) and route.include_in_schema:
            codes.update(route.codes)
            for method in route.methods or ():
                _make_exact(paths[route.path_format][method.lower()], route)
    return Part(
        description=_DESCRIPTION,
        tags=_TAGS,
        paths=paths,
        schemas={**schemas, **problem_schemas()},
        examples={code.value: {"value": example(code)} for code in sorted(codes)},
    )


def _make_exact(operation: Json, route: ScopedRoute) -> None:
    unprocessable = operation["responses"].get("422", {})
    if "application/json" in unprocessable.get("content", {}):
        del operation["responses"]["422"]
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _present(parameter["schema"])
    declared = {str(status): answer for status, answer in route.responses.items()}
    bodies = [(operation["responses"][status], declared[status]) for status in declared]
    if route.openapi_extra and "requestBody" in route.openapi_extra:
        bodies.append((operation["requestBody"], route.openapi_extra["requestBody"]))
    for described, source in bodies:
        for media_type, content in source.get("content", {}).items():
            if "example" in content:
                # FastAPI leaves out each null, also those of examples.
                described["content"][media_type]["example"] = content["example"]


def _present(schema: Json) -> Json:
    """Schema of a parameter where it is given: one that is not given is not null."""
    described = {k: v for k, v in schema.items() if k not in {"title", "description"}}
    if "anyOf" in described:
        (present,) = [each for each in described.pop("anyOf") if each.get("type") != "null"]
        described = {**present, **described}
    return described


_ERRORS = {
    Code.INVALID_REQUEST: [
        {"pointer": "/query/limit", "detail": "Input should be less than or equal to 200"}
    ],
    Code.INVALID_BODY: [{"pointer": "/subjects", "detail": "Field required"}],
    Code.MAP_INVALID: [
        {
            "pointer": "/stages/1/enter",
            "detail": "line 8, column 12: `evnt` is not known here (did you mean `event`?)",
        }
    ],
}


def example(code: Code) -> Json:
    """A problem with this code."""
    shown: Json = members(STATUS[code], code.value, DETAIL[code])
    if code in _ERRORS:
        shown["errors"] = _ERRORS[code]
    shown["request_id"] = "0198f2c4-7d1e-7c3a-9a51-2f6f0c6f1b11"
    return shown
