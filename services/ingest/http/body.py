"""Reads a request body within bounds: bytes, time, bytes after decompression, and parts.

uvicorn limits none of these. `Content-Length` is only used to refuse a body sooner.
"""

import asyncio
import types
import zlib
from collections.abc import Coroutine, Generator, Iterator
from typing import Any, TypeVar, cast

from starlette.types import Receive

from services.ingest.errors import ClientGone
from services.ingest.events.verdicts import BodyCode, BodyRefused
from services.ingest.limits import Limits

_T = TypeVar("_T")

_GZIP = 16 + zlib.MAX_WBITS
_ZLIB = zlib.MAX_WBITS
_RAW_DEFLATE = -zlib.MAX_WBITS
_DISCARDED_BODIES = 8
"""How many times the limit is read of a body that is too large, so that its sender reads the response; then
the connection is closed."""
_GZIP_MAGIC = b"\x1f\x8b"
_PIECE_BYTES = 65_536
_MAX_MEMBERS = 256
"""Most gzip members of a body. Each costs a copy of the bytes after it, so a body of empty members would take
quadratic time; parallel compressors write members of 64 KB or more."""
_FREE_BYTES = 65_536
_MAX_RATIO = 100
"""A body of more than `_FREE_BYTES` unpacks to at most so many times its compressed size: a batch of events
with ids of their own reaches 30, a bomb 1,000, at whose ratio decompression alone costs more than sending."""
_PARTS = (b",", b"{", b"[")

TIMEOUT = BodyRefused(BodyCode.BODY_TIMEOUT, "The body did not arrive in time.")
BUSY = BodyRefused(BodyCode.BUSY, "Too much is being taken in right now; try again.")
BROKEN = BodyRefused(
    BodyCode.BROKEN_ENCODING, "The body is not complete and valid in its Content-Encoding."
)
BOMB = BodyRefused(
    BodyCode.BODY_TOO_LARGE,
    f"A compressed body unpacks to at most {_MAX_RATIO} times its size, or {_FREE_BYTES} bytes; send it"
    " uncompressed.",
)
UNSUPPORTED = BodyRefused(
    BodyCode.UNSUPPORTED_ENCODING, "Content-Encoding is gzip or deflate, once, or left out."
)


class Budget:
    """Bytes that all requests of the process may hold at once: bounds memory under load."""

    def __init__(self, limit_bytes: int, *, whole: "Budget | None" = None) -> None:
        """A share of `whole` counts there as well."""
        self.limit_bytes = limit_bytes
        self.held_bytes = 0
        self._whole = whole

    def reserve(self, size: int) -> bool:
        """Reserve `size` bytes; False, and nothing reserved, when the budget is exhausted."""
        if self.held_bytes + size > self.limit_bytes:
            return False
        if self._whole is not None and not self._whole.reserve(size):
            return False
        self.held_bytes += size
        return True

    def release(self, size: int) -> None:
        """Return `size` reserved bytes."""
        self.held_bytes -= size
        if self._whole is not None:
            self._whole.release(size)


class Lease:
    """The share of one request in the budget."""

    __slots__ = ("_budget", "_bytes")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._bytes = 0

    def reserve(self, size: int) -> bool:
        """Reserve `size` more bytes; False, and nothing reserved, when the budget is exhausted."""
        if not self._budget.reserve(size):
            return False
        self._bytes += size
        return True

    def release(self) -> None:
        """Return all reserved bytes to the budget."""
        self._budget.release(self._bytes)
        self._bytes = 0


async def read(
    receive: Receive,
    *,
    content_length: bytes | None,
    content_encoding: bytes | None,
    may_answer_first: bool,
    limits: Limits,
    lease: Lease,
    finds_gzip: bool = False,
    is_raw: bool = False,
) -> bytes | BodyRefused:
    """The body, decompressed, or why it is refused.

    `is_raw`: the body is returned as it came, whatever its encoding; its parts are not counted.

    `finds_gzip`: a body that begins like gzip is decompressed without a header, too. A browser cannot set
    `Content-Encoding` without a preflight request, for which a page that is left has no time.

    `may_answer_first`: the sender has sent `Expect` and waits for a response. Any other often reads
    nothing before it has sent everything: the rest of its body is read and discarded, up to a bound.

    May wait up to `limits.body_timeout_seconds`. Raises ClientGone. Bytes are reserved in `lease`.
    """
    encoding = b"" if is_raw else _encoding(content_encoding)
    refused = None if encoding is not None else UNSUPPORTED
    if content_length is not None and _exceeds(content_length, limits.max_body_bytes):
        refused = too_large(limits)
    if refused is not None and may_answer_first:
        return refused
    try:
        body = await _in_time(_received(receive, limits, lease, refused), limits)
    except TimeoutError:
        return refused or TIMEOUT
    if is_raw or isinstance(body, BodyRefused):
        return body
    if encoding:
        return _decompressed(body, encoding, limits, lease)
    return gunzipped(body, limits, lease) if finds_gzip else _of_few_parts(body, limits)


def gunzipped(body: bytes, limits: Limits, lease: Lease) -> bytes | BodyRefused:
    """`body`, decompressed if it begins like gzip; within the same bounds."""
    if body.startswith(_GZIP_MAGIC):
        return _decompressed(body, b"gzip", limits, lease)
    return _of_few_parts(body, limits)


def inflated(
    body: bytes, content_encoding: bytes | None, limits: Limits, lease: Lease
) -> bytes | BodyRefused:
    """A raw body, decompressed by its header; within the same bounds.

    For signed requests: the signature covers the raw bytes, and is checked before anything of an unknown
    sender is decompressed.
    """
    encoding = _encoding(content_encoding)
    if encoding is None:
        return UNSUPPORTED
    if encoding:
        return _decompressed(body, encoding, limits, lease)
    return _of_few_parts(body, limits)


async def _in_time(received: Coroutine[Any, Any, _T], limits: Limits) -> _T:
    """Await `received` within the limit; a timer starts only if it has to wait.

    Most bodies arrive with their headers, and a timer costs as much as reading them.
    """
    try:
        waits_for = received.send(None)
    except StopIteration as done:
        return cast("_T", done.value)
    async with asyncio.timeout(limits.body_timeout_seconds):
        return await _resumed(received, waits_for)


@types.coroutine
def _resumed(begun: Coroutine[Any, Any, _T], waits_for: object) -> Generator[Any, Any, _T]:
    """Resume a coroutine that was started by hand and waits for `waits_for`."""
    yield waits_for
    result: _T = yield from begun
    return result


async def _received(
    receive: Receive, limits: Limits, lease: Lease, refused: BodyRefused | None
) -> bytes | BodyRefused:
    if refused is not None:
        await _discard(receive, limits)
        return refused
    chunks: list[bytes] = []
    left = limits.max_body_bytes
    has_more = True
    while has_more:
        chunk, has_more = await _chunk(receive)
        left -= len(chunk)
        if left < 0:
            refused = too_large(limits)
        elif not lease.reserve(len(chunk)):
            refused = BUSY
        if refused is not None:
            # Nothing is reserved from here on, so keep nothing while the rest is discarded.
            del chunk
            chunks.clear()
            if has_more:
                await _discard(receive, limits)
            return refused
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _discard(receive: Receive, limits: Limits) -> None:
    left = _DISCARDED_BODIES * limits.max_body_bytes
    has_more = True
    while has_more and left > 0:
        size, has_more = await _passed(receive)
        left -= size


async def _passed(receive: Receive) -> tuple[int, bool]:
    """Size of a chunk, without a reference that would keep it until the next one arrives."""
    chunk, has_more = await _chunk(receive)
    return len(chunk), has_more


async def _chunk(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] != "http.request":
        raise ClientGone
    return message.get("body", b""), message.get("more_body", False)


def _decompressed(
    body: bytes, encoding: bytes, limits: Limits, lease: Lease
) -> bytes | BodyRefused:
    """`body` decompressed; stops at each limit, so that a bomb costs no more than an ordinary body.

    Pieces are joined at the end, and only if they are within the limit.
    """
    chunks: list[bytes] = []
    left = limits.max_body_bytes
    plausible = _FREE_BYTES + _MAX_RATIO * len(body)
    parts_left = limits.max_body_parts
    try:
        for chunk in _inflated(body, encoding):
            left -= len(chunk)
            plausible -= len(chunk)
            if left < 0:
                return too_large(limits)
            if plausible < 0:
                return BOMB
            parts_left -= _parts(chunk)
            if parts_left < 0:
                return too_many_parts(limits)
            if not lease.reserve(len(chunk)):
                return BUSY
            chunks.append(chunk)
    except zlib.error:
        return BROKEN
    return b"".join(chunks)


def _of_few_parts(body: bytes, limits: Limits) -> bytes | BodyRefused:
    """`body`, if it has few enough parts. A body of fewer bytes need not be counted."""
    most = limits.max_body_parts
    if len(body) > most and _parts(body) > most:
        return too_many_parts(limits)
    return body


def _parts(text: bytes) -> int:
    return sum(map(text.count, _PARTS))


def _inflated(body: bytes, encoding: bytes) -> Iterator[bytes]:
    """The decompressed pieces of `body`. Raises zlib.error.

    A gzip body may have several members (RFC 1952), as parallel compressors write them.
    """
    members = 0
    while body:
        inflater = zlib.decompressobj(_window(body, encoding))
        while not inflater.eof:
            chunk = inflater.decompress(body, _PIECE_BYTES)
            if not chunk and not inflater.eof:
                message = "the body ends too early"
                raise zlib.error(message)
            yield chunk
            body = inflater.unconsumed_tail
        body = inflater.unused_data
        members += 1
        is_member = encoding == b"gzip" and body.startswith(_GZIP_MAGIC)
        if body and not (is_member and members < _MAX_MEMBERS):
            message = "something else follows"
            raise zlib.error(message)


def _window(body: bytes, encoding: bytes) -> int:
    if encoding == b"gzip":
        return _GZIP
    # "deflate" is zlib's format (RFC 9110, 8.4.1.2), but some senders omit its header.
    is_zlib = body[0] & 0x0F == zlib.DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0
    return _ZLIB if is_zlib else _RAW_DEFLATE


def _encoding(header: bytes | None) -> bytes | None:
    """`gzip`, `deflate`, or empty for none; None for an encoding that is not supported, or several."""
    name = (header or b"").strip().lower()
    return _ENCODINGS.get(name)


_ENCODINGS = {
    b"": b"",
    b"identity": b"",
    b"gzip": b"gzip",
    b"x-gzip": b"gzip",
    b"deflate": b"deflate",
}


def _exceeds(header: bytes, limit: int) -> bool:
    return header.isdigit() and (len(header) > len(str(limit)) + 1 or int(header) > limit)


def too_many_parts(limits: Limits) -> BodyRefused:
    """The refusal of a body with more parts than the limit."""
    return BodyRefused(
        BodyCode.TOO_MANY_PARTS,
        f"A body has at most {limits.max_body_parts} commas and opening brackets; send several.",
    )


def too_large(limits: Limits) -> BodyRefused:
    """The refusal of a body beyond the limit."""
    return BodyRefused(
        BodyCode.BODY_TOO_LARGE,
        f"A body takes at most {limits.max_body_bytes} bytes after decompression; send several.",
    )
