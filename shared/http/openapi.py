"""OpenAPI documents: the pieces of a service's part, and one document made of several parts.

A service describes its own calls as a `Part`; `document` merges one or more. Two parts may define the
same name only alike: nothing is overwritten silently.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from shared.http.problem import MEDIA_TYPE, fault

Json = dict[str, Any]

REF = "#/components/schemas/{model}"

BEARER: Json = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key of this workspace. A secret key holds scopes, and each call names its own"
    " as `x-scope`; a write key can send events and read nothing.",
}

_CONVENTIONS = """\
Instants are RFC 3339 in UTC. Errors are `application/problem+json` (RFC 9457) with a stable `code` and
never repeat what was sent. Every answer carries `X-Request-Id`. Whatever the path, the server may refuse
before there is a request: 408 `head_timeout`, 431 `head_too_large`, 503 `too_many_connections`.
"""

_PHRASES = {
    400: "The request cannot be understood.",
    401: "No valid key.",
    403: "The key does not hold the scope of this call.",
    404: "There is no such thing in this workspace.",
    408: "The body did not arrive in time.",
    409: "The state of the thing does not allow it.",
    413: "The body is too large.",
    415: "The body's type or encoding is not supported.",
    422: "The body is well-formed and invalid.",
    429: "The sender exceeds its rate; try again after Retry-After seconds.",
    500: "Something failed here.",
    503: "A dependency is unavailable; try again after Retry-After seconds.",
}

_HEADERS = {
    401: ("WWW-Authenticate", "How to authenticate."),
    429: ("Retry-After", "Seconds to wait."),
    503: ("Retry-After", "Seconds to wait."),
}


class ProblemPlace(BaseModel):
    """One place in the request that is wrong."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)

    pointer: str = Field(
        description="JSON Pointer into the body; `/query/<name>` is a query parameter."
    )
    detail: str


class Problem(BaseModel):
    """An error (RFC 9457). It never repeats what was sent."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(description="Address of the explanation of this `code`.")
    title: str
    status: int
    code: str = Field(description="Stable name of the error; callers may switch on it.")
    detail: str
    errors: list[ProblemPlace] = Field(default=[], description="The places that are wrong.")
    request_id: str | None = Field(default=None, description="Also in the X-Request-Id header.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The calls of one service. `description` is Markdown."""

    description: str
    tags: Mapping[str, str]
    paths: Json
    schemas: Json
    examples: Json = field(default_factory=dict)
    responses: Json = field(default_factory=dict)
    security: Json = field(default_factory=lambda: {"key": BEARER})


def document(title: str, parts: Sequence[Part]) -> Json:
    """One document of `parts`, in their order. Raises ValueError where they contradict each other."""
    components = {
        "schemas": _merged(part.schemas for part in parts),
        "examples": _merged(part.examples for part in parts),
        "responses": _merged(part.responses for part in parts),
        "securitySchemes": _merged(part.security for part in parts),
    }
    tags = _merged(part.tags for part in parts)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": version("stageline"),
            "description": "\n".join([*(part.description for part in parts), _CONVENTIONS]),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in tags.items()],
        "paths": _merged(part.paths for part in parts),
        "components": {
            name: dict(sorted(content.items())) for name, content in components.items() if content
        },
    }


def problem_schemas() -> Json:
    """Schemas of a problem, by name."""
    _, described = models_json_schema([(Problem, "serialization")], ref_template=REF)
    definitions: Json = described["$defs"]
    return definitions


def refusal(status: int, examples: Mapping[str, Json], *, schema: str = "Problem") -> Json:
    """Response with an error status. `examples`: code to an example, or a reference to one."""
    response: Json = {
        "description": _PHRASES[status],
        "content": {
            MEDIA_TYPE: {"schema": {"$ref": REF.format(model=schema)}, "examples": {**examples}}
        },
    }
    if status in _HEADERS:
        name, description = _HEADERS[status]
        response["headers"] = {name: header(description)}
    return response


def fault_answer() -> Json:
    """Response 500, which any call may give and none intends."""
    example: Json = msgspec.json.decode(bytes(fault().body))
    return refusal(500, {example["code"]: {"value": example}})


def header(description: str) -> Json:
    """A header of a response."""
    return {"description": description, "schema": {"type": "string"}}


def served(described: Json) -> Callable[[], Json]:
    """Function to set as `openapi` of a FastAPI application that serves this document."""
    return lambda: described


def text(described: Json) -> str:
    """The document as it is checked in: indented, keys in their order of insertion."""
    return msgspec.json.format(msgspec.json.encode(described), indent=2).decode("utf-8") + "\n"


def _merged(mappings: Iterable[Mapping[str, Any]]) -> Json:
    merged: Json = {}
    for mapping in mappings:
        for name, content in mapping.items():
            if merged.setdefault(name, content) != content:
                message = f"two parts of the document mean different things by {name}"
                raise ValueError(message)
    return merged
