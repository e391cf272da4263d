"""Reads a request body within bounds: bytes, time, and bytes after decompression.

uvicorn limits none of these. `Content-Length` is believed only where it makes us refuse sooner.
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
"""How many times the limit is read of a body that is too large, so that its sender gets to read the
answer; after that the connection is cut."""
_GZIP_MAGIC = b"\x1f\x8b"
_PIECE_BYTES = 65_536
_MAX_MEMBERS = 256
"""Most gzip members of a body. Each costs a copy of what follows it, so a body of nothing but empty
members would cost its square; compressors that divide their work make one of 64 KB or more."""

TIMEOUT = BodyRefused(BodyCode.BODY_TIMEOUT, "The body did not arrive in time.")
BUSY = BodyRefused(BodyCode.BUSY, "Too much is being taken in right now; try again.")
BROKEN = BodyRefused(
    BodyCode.BROKEN_ENCODING, "The body is not complete and valid in its Content-Encoding."
)
UNSUPPORTED = BodyRefused(
    BodyCode.UNSUPPORTED_ENCODING, "Content-Encoding is gzip or deflate, once, or left out."
)


class Budget:
    """Bytes that all requests of the process may hold at once: what bounds memory under a flood."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.held_bytes = 0


class Lease:
    """What one request holds of the budget; `release` gives it back, once."""

    __slots__ = ("_budget", "_bytes")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._bytes = 0

    def take(self, size: int) -> bool:
        """Whether `size` more bytes may be held; holds them if so."""
        if self._budget.held_bytes + size > self._budget.limit_bytes:
            return False
        self._budget.held_bytes += size
        self._bytes += size
        return True

    def release(self) -> None:
        """Give everything back."""
        self._budget.held_bytes -= self._bytes
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
) -> bytes | BodyRefused:
    """The body, decompressed, or why it is refused.

    `finds_gzip`: also what no header calls gzip is unpacked, if it begins like it. A browser cannot
    name an encoding without asking first, which it has no time for when a page is left.

    A sender that does not wait to be asked (`may_answer_first`, from `Expect`) often reads nothing
    before it has sent everything: what it has too much is read and thrown away, up to a bound.

    May block up to `limits.body_timeout_seconds`. Raises ClientGone. Bytes read count in `lease`.
    """
    encoding = _encoding(content_encoding)
    refused = None if encoding is not None else UNSUPPORTED
    if content_length is not None and _exceeds(content_length, limits.max_body_bytes):
        refused = too_large(limits)
    if refused is not None and may_answer_first:
        return refused
    try:
        body = await _in_time(_received(receive, limits, lease, refused), limits)
    except TimeoutError:
        return refused or TIMEOUT
    if isinstance(body, BodyRefused):
        return body
    if encoding:
        return _decompressed(body, encoding, limits, lease)
    return gunzipped(body, limits, lease) if finds_gzip else body


def gunzipped(body: bytes, limits: Limits, lease: Lease) -> bytes | BodyRefused:
    """`body` unpacked if it begins like gzip, else as it is; within the same bounds as by header."""
    return _decompressed(body, b"gzip", limits, lease) if body.startswith(_GZIP_MAGIC) else body


def inflated(
    body: bytes, content_encoding: bytes | None, limits: Limits, lease: Lease
) -> bytes | BodyRefused:
    """A body that was read as it came, decompressed as its header says; within the same bounds.

    For what is signed: the signature is over the bytes as they came, and nothing of a stranger's is
    unpacked before it is checked.
    """
    encoding = _encoding(content_encoding)
    if encoding is None:
        return UNSUPPORTED
    return _decompressed(body, encoding, limits, lease) if encoding else body


async def _in_time(received: Coroutine[Any, Any, _T], limits: Limits) -> _T:
    """Await `received` within the limit; the timer is only set once there is something to wait for.

    Most bodies have come with their headers, and a timer costs as much as reading them.
    """
    try:
        waits_for = received.send(None)
    except StopIteration as done:
        return cast("_T", done.value)
    async with asyncio.timeout(limits.body_timeout_seconds):
        return await _resumed(received, waits_for)


@types.coroutine
def _resumed(begun: Coroutine[Any, Any, _T], waits_for: object) -> Generator[Any, Any, _T]:
    """Go on with a coroutine that was begun by hand and waits for what it yielded."""
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
        elif not lease.take(len(chunk)):
            refused = BUSY
        if refused is not None:
            # Nobody counts what is held from here on: hold nothing while the rest goes by.
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
    """Size of a chunk that is not kept: a name for it would keep it until the next one comes."""
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
    """`body` inflated; stops at the limit, so that a bomb costs no more than an honest body.

    What is too much is thrown away piece by piece; only what is taken is put together.
    """
    chunks: list[bytes] = []
    left = limits.max_body_bytes
    try:
        for chunk in _inflated(body, encoding):
            left -= len(chunk)
            if left < 0:
                return too_large(limits)
            if not lease.take(len(chunk)):
                return BUSY
            chunks.append(chunk)
    except zlib.error:
        return BROKEN
    return b"".join(chunks)


def _inflated(body: bytes, encoding: bytes) -> Iterator[bytes]:
    """The pieces of what `body` holds. Raises zlib.error.

    A gzip body may have several members (RFC 1952), as parallel compressors write it.
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
    # "deflate" means zlib's format (RFC 9110, 8.4.1.2), but some senders leave its header out.
    is_zlib = body[0] & 0x0F == zlib.DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0
    return _ZLIB if is_zlib else _RAW_DEFLATE


def _encoding(header: bytes | None) -> bytes | None:
    """`gzip`, `deflate`, or empty for none; None for what is not supported, twofold coding too."""
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


def too_large(limits: Limits) -> BodyRefused:
    """The refusal of a body beyond the limit."""
    return BodyRefused(
        BodyCode.BODY_TOO_LARGE,
        f"A body takes at most {limits.max_body_bytes} bytes after decompression; send several.",
    )
