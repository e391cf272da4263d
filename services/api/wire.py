"""Bytes of a request to checked values: path, query, body. Strict, bounded, and never echoing.

Percent-encoded text must be UTF-8 without NUL: anything else could not be stored and so names
nothing. Whatever is wrong raises RequestRefused with a pointer to the place and no word of the input.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

from pydantic import BaseModel, ValidationError
from starlette.types import Receive
from starlette.types import Scope as AsgiScope

from services.api.errors import Code, RequestRefused
from shared.http.problem import FieldProblem

_BODY_SECONDS = 10.0
"""Longest wait for a body that was announced: a slow sender must not hold a connection for ever."""

_DISCARDED_BODIES = 4
"""How many times the largest body is read and thrown away before a sender is cut off."""

M = TypeVar("M", bound=BaseModel)


def text(encoded: bytes) -> str | None:
    """Percent-decoded text, or None where it is not UTF-8 or holds NUL."""
    try:
        decoded = (unquote_to_bytes(encoded) if b"%" in encoded else encoded).decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\x00" in decoded else decoded


def query_values(raw: bytes) -> dict[str, str]:
    """Parameters of a query string. A parameter given twice is refused rather than guessed at."""
    values: dict[str, str] = {}
    if not raw:
        return values
    for pair in raw.split(b"&"):
        if not pair:
            continue
        encoded_name, _, encoded_value = pair.replace(b"+", b" ").partition(b"=")
        name, value = text(encoded_name), text(encoded_value)
        if name is None or value is None:
            detail = "The query is not percent-encoded UTF-8 without NUL."
            raise RequestRefused(Code.INVALID_REQUEST, detail)
        if name in values:
            raise RequestRefused(Code.INVALID_REQUEST, "A query parameter is given more than once.")
        values[name] = value
    return values


def query(model: type[M], values: Mapping[str, str]) -> M:
    """Check `values` against `model`. Raises RequestRefused(invalid_request)."""
    try:
        return model.model_validate(values)
    except ValidationError as exc:
        raise RequestRefused(Code.INVALID_REQUEST, errors=_problems(exc, "/query")) from exc


def json_body(model: type[M], body: bytes) -> M:
    """Read and check a JSON body. Raises RequestRefused: invalid_json (400) or invalid_body (422)."""
    try:
        parsed = model.model_validate_json(body)
    except ValidationError as exc:
        if exc.errors(include_input=False, include_url=False)[0]["type"] == "json_invalid":
            raise RequestRefused(Code.INVALID_JSON) from exc
        raise RequestRefused(Code.INVALID_BODY, errors=_problems(exc, "")) from exc
    return parsed


_MAX_ERRORS = 20
"""Places named in one answer: enough to repair a body, too few to make an answer large."""


def _problems(exc: ValidationError, prefix: str) -> Sequence[FieldProblem]:
    return [
        _problem(error, prefix)
        for error in exc.errors(include_input=False, include_url=False)[:_MAX_ERRORS]
    ]


def _problem(error: Mapping[str, Any], prefix: str) -> FieldProblem:
    location = list(error["loc"])
    if error["type"] == "extra_forbidden":
        # The last step is a name that the caller made up: point at what holds it.
        location.pop()
        detail = "something here is not known to this call"
    elif error["type"] == "value_error":
        detail = str(error["ctx"]["error"])
    else:
        detail = error["msg"]
    return FieldProblem(pointer=prefix + "".join(f"/{step}" for step in location), detail=detail)


def stored_text(raw: bytes) -> str | None:
    """Text of a body that is to be stored, or None where it is not UTF-8 or holds NUL."""
    try:
        decoded = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\x00" in decoded else decoded


async def body(scope: AsgiScope, receive: Receive, max_bytes: int) -> bytes:
    """The whole body, bounded in size and time.

    Raises RequestRefused: body_too_large (413), body_timeout (408) or unsupported_media_type (415).
    """
    headers = dict(scope["headers"])
    if headers.get(b"content-encoding", b"identity").strip().lower() not in {b"identity", b""}:
        raise RequestRefused(
            Code.UNSUPPORTED_MEDIA_TYPE, "Send the body without a content encoding."
        )
    announced = headers.get(b"content-length", b"0")
    is_too_large = announced.isdigit() and int(announced) > max_bytes
    if is_too_large and headers.get(b"expect", b"").lower() == b"100-continue":
        raise _too_large(max_bytes)  # nothing is on its way yet
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            whole = await _whole(receive, max_bytes, is_wanted=not is_too_large)
    except TimeoutError as exc:
        raise RequestRefused(Code.BODY_TIMEOUT, headers=_CLOSE) from exc
    if whole is None:
        raise _too_large(max_bytes)
    return whole


async def _whole(receive: Receive, max_bytes: int, *, is_wanted: bool) -> bytes | None:
    """The body, or None if it is too large, which then is let go by.

    A sender that is cut off in mid-body never sees its answer, so some more of it is read.
    """
    chunks: list[bytes] = []
    size = 0
    has_more = True
    while has_more and size <= _DISCARDED_BODIES * max_bytes:
        chunk, has_more = await _chunk(receive)
        size += len(chunk)
        if is_wanted and size <= max_bytes:
            chunks.append(chunk)
        else:
            is_wanted = False
            chunks.clear()
    return b"".join(chunks) if is_wanted else None


async def _chunk(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise RequestRefused(Code.BODY_TIMEOUT, headers=_CLOSE)
    return message.get("body", b""), message.get("more_body", False)


_CLOSE = {"Connection": "close"}
"""What was not read must not be taken for the next request."""


def _too_large(max_bytes: int) -> RequestRefused:
    detail = f"This call takes bodies of at most {max_bytes} bytes."
    return RequestRefused(Code.BODY_TOO_LARGE, detail, headers=_CLOSE)


def media_type(content_type: str | None) -> str:
    """Type and subtype of a Content-Type, lower case, without parameters; empty if there is none."""
    return (content_type or "").partition(";")[0].strip().lower()
