"""The OpenAPI document, built from the operations that are served.

docs/openapi.json is this document, checked in; `document.py` writes it anew.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import msgspec
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from services.api.errors import DETAIL, STATUS, Code
from services.api.operation import Operation
from services.api.schemas.common import Problem
from services.api.schemas.examples import PROBLEM_ERRORS
from shared.http.problem import MEDIA_TYPE, TYPE_BASE

Json = dict[str, Any]

_DESCRIPTION = """\
The stage of record for customer journeys: for every account, on every journey that it is on, which
stage, since when, because of which event and rule, and what is missing for the next one.

Instants are RFC 3339 in UTC. Errors are `application/problem+json` (RFC 9457) with a stable `code` and
never repeat what was sent. Lists answer `items` and `next_cursor`. Every answer carries `X-Request-Id`.
"""

_TAGS = (
    ("stage", "Where subjects stand now: the fast path for personalization."),
    ("accounts", "Lists, profiles, history, touchpoints and reasons."),
    ("alerts", "Findings that somebody should act on."),
    ("journeys", "Maps as data: versioned, immutable once published."),
)

_PHRASES = {
    400: "The request is not one that can be understood.",
    401: "No valid key.",
    403: "The key does not hold the scope of this call.",
    404: "There is no such thing in this workspace.",
    408: "The body did not arrive in time.",
    409: "The state of the thing does not allow it.",
    413: "The body is too large.",
    415: "The body's type or encoding is not taken.",
    422: "The body is understood and wrong.",
    500: "Something failed here.",
    503: "Something that is needed does not answer now; try again after Retry-After seconds.",
}

_REF = "#/components/schemas/{model}"


def document(operations: Sequence[Operation]) -> Json:
    """The document of `operations`, in their order."""
    asked = {each.body.schema for each in operations if each.body and each.body.schema}
    told = {answer.schema for each in operations for answer in each.answers if answer.schema}
    queries = {each.query for each in operations if each.query}
    schemas, definitions = models_json_schema(
        [
            *((model, "validation") for model in _sorted(asked | queries)),
            *((model, "serialization") for model in _sorted(told | {Problem})),
        ],
        ref_template=_REF,
    )
    by_model: dict[type, Json] = {model: schema for (model, _), schema in schemas.items()}
    components = definitions.get("$defs", {})
    paths: Json = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(
            operation, by_model, components
        )
    for query in queries:
        components.pop(query.__name__, None)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Stageline API",
            "version": version("stageline"),
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": description} for name, description in _TAGS],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "examples": {code.value: {"value": example(code)} for code in _codes(operations)},
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A secret key that holds the scope of the call. Write keys can"
                    " send events and read nothing.",
                }
            },
        },
    }


def _codes(operations: Sequence[Operation]) -> list[Code]:
    return sorted({code for operation in operations for code in operation.codes()})


def _sorted(models: set[type[BaseModel]]) -> list[type[BaseModel]]:
    return sorted(models, key=lambda model: model.__name__)


def _operation(operation: Operation, schemas: Mapping[type, Json], components: Json) -> Json:
    described: Json = {
        "operationId": operation.operation_id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": f"{operation.description}\n\nScope: `{operation.scope}`.",
        "x-scope": operation.scope.value,
        "parameters": [
            *(_path_parameter(name, text) for name, text in operation.parameters.items()),
            *_query_parameters(operation.query, components),
        ],
        "responses": {},
    }
    if operation.method == "GET" and any(answer.status == 304 for answer in operation.answers):  # noqa: PLR2004 - Not Modified
        described["parameters"].append(_IF_NONE_MATCH)
    if operation.body is not None:
        schema = schemas[operation.body.schema] if operation.body.schema else None
        described["requestBody"] = _body(operation, schema)
    for answer in operation.answers:
        told: Json = {"description": answer.description}
        if answer.headers:
            told["headers"] = {name: _header(text) for name, text in answer.headers.items()}
        if answer.schema is not None:
            content: Json = {"schema": schemas[answer.schema], "example": answer.example}
            told["content"] = {"application/json": content}
        described["responses"][str(answer.status)] = told
    described["responses"].update(_refusals(operation))
    return described


_IF_NONE_MATCH: Json = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "ETag of the answer that the caller has.",
    "schema": {"type": "string"},
}


def _header(description: str) -> Json:
    return {"description": description, "schema": {"type": "string"}}


def _path_parameter(name: str, description: str) -> Json:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string", "minLength": 1},
    }


def _query_parameters(query: type[BaseModel] | None, components: Json) -> list[Json]:
    if query is None:
        return []
    schema = components[query.__name__]
    parameters = []
    for name, described in schema["properties"].items():
        shape = {k: v for k, v in described.items() if k not in {"description", "title"}}
        # A parameter that is not there is not null: it is simply not there.
        if "anyOf" in shape:
            (present,) = [each for each in shape.pop("anyOf") if each.get("type") != "null"]
            shape = {**present, **{k: v for k, v in shape.items() if v is not None}}
        parameters.append(
            {
                "name": name,
                "in": "query",
                "required": name in schema.get("required", []),
                "description": described["description"],
                "schema": shape,
            }
        )
    return parameters


def _body(operation: Operation, schema: Json | None) -> Json:
    body = operation.body
    if body is None:
        raise AssertionError
    content: Json = {}
    for media_type in body.media_types:
        if schema is not None:
            example = next(iter(body.examples.values()))
            content[media_type] = {"schema": schema, "example": example}
        else:
            shape = {"type": "string"} if "yaml" in media_type else {"type": "object"}
            content[media_type] = {"schema": shape, "example": body.examples[media_type]}
    return {
        "required": body.is_required,
        "description": f"{body.description} At most {body.max_bytes} bytes.",
        "content": content,
    }


def _refusals(operation: Operation) -> Json:
    by_status: dict[int, list[Code]] = {}
    for code in operation.codes():
        by_status.setdefault(STATUS[code], []).append(code)
    return {str(status): _refusal(status, codes) for status, codes in by_status.items()}


def _refusal(status: int, codes: Sequence[Code]) -> Json:
    told: Json = {
        "description": _PHRASES[status],
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": _REF.format(model=Problem.__name__)},
                "examples": {
                    code.value: {"$ref": f"#/components/examples/{code.value}"} for code in codes
                },
            }
        },
    }
    if status == 503:  # noqa: PLR2004 - Service Unavailable
        told["headers"] = {"Retry-After": _header("Seconds to wait.")}
    if status == 401:  # noqa: PLR2004 - Unauthorized
        told["headers"] = {"WWW-Authenticate": _header("How to authenticate.")}
    return told


def example(code: Code) -> Json:
    """What a problem with this code looks like."""
    shown: Json = {
        "type": TYPE_BASE + code.value.replace("_", "-"),
        "title": HTTPStatus(STATUS[code]).phrase,
        "status": STATUS[code],
        "code": code.value,
        "detail": DETAIL[code],
    }
    if code.value in PROBLEM_ERRORS:
        shown["errors"] = PROBLEM_ERRORS[code.value]
    shown["request_id"] = "0198f2c4-7d1e-7c3a-9a51-2f6f0c6f1b11"
    return shown


def text(described: Json) -> str:
    """The document as it is checked in: indented, keys in the order of this module."""
    return msgspec.json.format(msgspec.json.encode(described), indent=2).decode("utf-8") + "\n"
