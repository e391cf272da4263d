"""The api's part of the OpenAPI document, built from the operations that are served."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from services.api.errors import DETAIL, STATUS, Code
from services.api.operation import Operation
from services.api.schemas.examples import PROBLEM_ERRORS
from shared.http import openapi
from shared.http.openapi import Json, Part, header, refusal
from shared.http.problem import members

_DESCRIPTION = """\
The stage of record for customer journeys: for every account, on every journey that it is on, which
stage, since when, because of which event and rule, and what is missing for the next one.

Lists answer `items` and `next_cursor`.
"""

_TAGS = {
    "stage": "Where subjects stand now: the fast path for personalization.",
    "accounts": "Lists, profiles, history, touchpoints and reasons.",
    "alerts": "Findings that somebody should act on.",
    "kpis": "Numbers that are measured elsewhere.",
    "journeys": "Maps as data: versioned, immutable once published.",
    "people": "People who want to be left alone, or forgotten.",
    "sources": "Who sends events, what is done to them before they are kept, and what arrived.",
}


def part(operations: Sequence[Operation]) -> Part:
    """What the api serves: `operations`, in their order."""
    asked = {each.body.schema for each in operations if each.body and each.body.schema}
    told = {answer.schema for each in operations for answer in each.answers if answer.schema}
    queries = {each.query for each in operations if each.query}
    by_model, components = openapi.schemas(asked | queries, told)
    paths: Json = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(
            operation, by_model, components
        )
    for query in queries:
        components.pop(query.__name__, None)
    return Part(
        description=_DESCRIPTION,
        tags=_TAGS,
        paths=paths,
        schemas=components,
        examples={code.value: {"value": example(code)} for code in _codes(operations)},
    )


def _codes(operations: Sequence[Operation]) -> list[Code]:
    return sorted({code for operation in operations for code in operation.codes()})


def _operation(operation: Operation, schemas: Mapping[type, Json], components: Json) -> Json:
    described: Json = {
        "operationId": operation.operation_id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": f"{operation.description}\n\nScope: `{operation.scope}`.",
        "x-scope": operation.scope.value,
        "security": [{"key": []}],
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
            told["headers"] = {name: header(text) for name, text in answer.headers.items()}
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
    return {
        str(status): refusal(
            status, {code.value: {"$ref": f"#/components/examples/{code.value}"} for code in codes}
        )
        for status, codes in by_status.items()
    }


def example(code: Code) -> Json:
    """What a problem with this code looks like."""
    shown: Json = members(STATUS[code], code.value, DETAIL[code])
    if code.value in PROBLEM_ERRORS:
        shown["errors"] = PROBLEM_ERRORS[code.value]
    shown["request_id"] = "0198f2c4-7d1e-7c3a-9a51-2f6f0c6f1b11"
    return shown
