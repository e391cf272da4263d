"""What the documents of all protocols are made of: sections, and the responses of an operation."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from services.ingest.http.rejections import RequestRejected
from services.ingest.http.response import RawResponse
from services.ingest.limits import Limits
from services.ingest.protocols.common import strict_mode
from services.ingest.protocols.common.endpoint import as_problem
from shared.http.openapi import REF, Json, fault_answer, header, refusal

_HEADERS = {
    b"www-authenticate": ("WWW-Authenticate", "How to authenticate."),
    b"retry-after": ("Retry-After", "Seconds to wait."),
    b"accept-encoding": ("Accept-Encoding", "The encodings that are taken."),
}
"""Headers of error responses that senders act on, with their descriptions."""

STRICT_MODE: Json = {
    "name": strict_mode.HEADER,
    "in": "header",
    "description": "`1` asks for a verdict for each event: 400 where one was refused. The others are"
    " stored all the same.",
    "schema": {"type": "string"},
}
IMAGE: Json = {"content": {"image/gif": {"schema": {"type": "string", "format": "binary"}}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentContext:
    """What the description of a protocol depends on."""

    limits: Limits
    rejections: Sequence[RequestRejected]
    """One example of every rejection that any request may meet."""
    rejections_of_large_bodies: Sequence[RequestRejected]
    """The same, of protocols that take large bodies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What one protocol adds to the document."""

    tags: Mapping[str, str]
    paths: Json
    schemas: Json = field(default_factory=dict)
    responses: Json = field(default_factory=dict)
    security: Json = field(default_factory=dict)


def reference(schema: str) -> Json:
    """A reference to a schema of the document."""
    return {"$ref": REF.format(model=schema)}


def example_of(response: RawResponse) -> Json:
    """The JSON body of a response."""
    example: Json = msgspec.json.decode(response.body)
    return example


def responses(
    success: Json,
    errors: Iterable[RequestRejected | RawResponse],
    *,
    schemas: Mapping[int, str] | None = None,
    schema: str = "Problem",
    phrases: Mapping[int, str] | None = None,
) -> Json:
    """The responses of an operation by status: `success`, every error with its examples, and 500.

    `errors`: rejections, shown as problems, or responses in the protocol's own form, whose descriptions
    are `phrases`. `schemas`: status to another schema than `schema`. Examples are named by their code.
    """
    by_status: dict[int, dict[str, RawResponse]] = {}
    for error in errors:
        response = as_problem(error) if isinstance(error, RequestRejected) else error
        code = example_of(response)["code"]
        by_status.setdefault(response.status_code, {})[code] = response
    return {
        **success,
        **{
            str(status): _error(status, by_code, (schemas or {}).get(status, schema), phrases)
            for status, by_code in sorted(by_status.items())
        },
        "500": fault_answer(),
    }


def _error(
    status: int,
    by_code: Mapping[str, RawResponse],
    schema: str,
    phrases: Mapping[int, str] | None,
) -> Json:
    examples = {code: {"value": example_of(each)} for code, each in by_code.items()}
    sent = {name for each in by_code.values() for name, _ in each.raw_headers}
    headers = {name: header(text) for raw, (name, text) in _HEADERS.items() if raw in sent}
    if phrases is None:
        described = refusal(status, examples, schema=schema)
    else:
        content = {"schema": reference(schema), "examples": examples}
        described = {
            "description": phrases[status],
            "content": {"application/json": content},
        }
    described.pop("headers", None)
    return {**described, "headers": headers} if headers else described


def as_components(prefix: str, described: Json) -> tuple[Json, Json]:
    """`described` as shared components named by `prefix` and status, and the references to them.

    For protocols of many paths with the same responses.
    """
    components = {f"{prefix}{status}": content for status, content in described.items()}
    references = {
        status: {"$ref": f"#/components/responses/{prefix}{status}"} for status in described
    }
    return components, references


def image_responses(*errors: int) -> Json:
    """The responses of a pixel: an image for every status."""
    not_stored = {
        "description": "Not stored; the header `X-Stageline-Error` has the code.",
        **IMAGE,
    }
    return {
        "200": {"description": "Stored.", **IMAGE},
        **{str(status): not_stored for status in errors},
    }


def succeeded(description: str, schema: Json, examples: Mapping[str, object], *more: Json) -> Json:
    """A successful response with JSON; `more` are contents of other media types."""
    named = {name: {"value": value} for name, value in examples.items()}
    return {
        "description": description,
        "content": {
            "application/json": {"schema": schema, "examples": named},
            **{name: content for each in more for name, content in each.items()},
        },
    }
