"""Limits of a request: size and time of its body, strict JSON, an unambiguous query string.

Whatever passes a limit raises RequestRefused, without a word of the request.
"""

import asyncio
import json
from typing import Any

from pydantic_core import from_json
from starlette.requests import Request
from starlette.types import Message, Receive
from starlette.types import Scope as AsgiScope

from services.api.errors import Code, RequestRefused
from shared.http.raw_path import percent_decoded

_BODY_SECONDS = 10.0
"""Longest wait for a body that was announced: a slow sender must not hold a connection for ever."""

_DISCARDED_BODIES = 4
"""How many times the largest body is read and thrown away before a sender is cut off."""

_CLOSE = {"Connection": "close"}
"""What was not read must not be taken for the next request."""


async def unambiguous_query(request: Request) -> None:
    """FastAPI dependency: refuse what FastAPI would let pass by guessing.

    It takes the last of several values, and replaces bytes that are not UTF-8.
    """
    single_values(request.scope["query_string"])


def single_values(raw: bytes) -> dict[str, str]:
    """Parameters of a query string.

    Raises RequestRefused for one that is given twice, and for text that is not UTF-8 without NUL.
    """
    values: dict[str, str] = {}
    for pair in raw.replace(b"+", b" ").split(b"&"):
        if not pair:
            continue
        name, _, value = pair.decode("latin-1").partition("=")
        try:
            name, value = percent_decoded(name), percent_decoded(value)
        except ValueError as exc:
            detail = "The query is not percent-encoded UTF-8 without NUL."
            raise RequestRefused(Code.INVALID_REQUEST, detail) from exc
        if name in values:
            raise RequestRefused(Code.INVALID_REQUEST, "A query parameter is given more than once.")
        values[name] = value
    return values


async def read_body(scope: AsgiScope, receive: Receive, max_bytes: int) -> bytes:
    """The whole body, bounded in size and time.

    Raises RequestRefused: body_too_large (413), body_timeout (408) or unsupported_media_type (415).
    """
    headers = dict(scope["headers"])
    if headers.get(b"content-encoding", b"identity").strip().lower() not in {b"identity", b""}:
        detail = "Send the body without a content encoding."
        raise RequestRefused(Code.UNSUPPORTED_MEDIA_TYPE, detail)
    announced = headers.get(b"content-length", b"0")
    is_too_large = announced.isdigit() and int(announced) > max_bytes
    if is_too_large and headers.get(b"expect", b"").lower() == b"100-continue":
        raise too_large(max_bytes)  # nothing is on its way yet
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            whole = await _whole(receive, max_bytes, is_wanted=not is_too_large)
    except TimeoutError as exc:
        raise RequestRefused(Code.BODY_TIMEOUT, headers=_CLOSE) from exc
    if whole is None:
        raise too_large(max_bytes)
    return whole


async def _whole(receive: Receive, max_bytes: int, *, is_wanted: bool) -> bytes | None:
    """The body, or None if it is too large, which is then read and discarded.

    A sender that is cut off in mid-body never sees its response, so some more of it is read.
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


def too_large(max_bytes: int) -> RequestRefused:
    """Refusal of a body beyond `max_bytes`."""
    detail = f"This call takes bodies of at most {max_bytes} bytes."
    return RequestRefused(Code.BODY_TOO_LARGE, detail, headers=_CLOSE)


class BoundedRequest(Request):
    """A request whose body has been read already, within its limits."""

    def __init__(self, request: Request, body: bytes) -> None:
        super().__init__(request.scope, _replayed(body))

    async def json(self) -> Any:  # noqa: ANN401 - as in Starlette
        """The body as JSON. Raises JSONDecodeError also for lone surrogates, which `json` takes."""
        try:
            return from_json(await self.body())
        except ValueError as exc:
            raise json.JSONDecodeError("the body is not JSON in UTF-8", "", 0) from exc


class JsonRequest(BoundedRequest):
    """One whose body is JSON whatever its type says: `curl -d` calls every body a form."""

    def __init__(self, request: Request, body: bytes) -> None:
        super().__init__(request, body)
        headers = [pair for pair in self.scope["headers"] if pair[0] != b"content-type"]
        headers.append((b"content-type", b"application/json"))
        self.scope = {**self.scope, "headers": headers}


def _replayed(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def stored_text(raw: bytes) -> str | None:
    """Text of a body that is to be stored, or None where it is not UTF-8 or holds NUL."""
    try:
        decoded = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\x00" in decoded else decoded


def media_type(content_type: str | None) -> str:
    """Type and subtype of a Content-Type, lower case, without parameters; empty if there is none."""
    return (content_type or "").partition(";")[0].strip().lower()
