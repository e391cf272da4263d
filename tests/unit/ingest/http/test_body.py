import asyncio
import gzip
from collections.abc import Sequence
from dataclasses import replace

import pytest
from starlette.types import Message

from services.ingest.errors import ClientGone
from services.ingest.events.verdicts import BodyCode, BodyRefused
from services.ingest.http.body import BOMB, Budget, Lease, gunzipped, inflated, read, too_many_parts
from services.ingest.limits import Limits

LIMITS = Limits(max_body_bytes=1_000, body_timeout_seconds=0.05)


class Sender:
    """Hands out messages; waits for ever after the last, as a silent sender does."""

    def __init__(self, messages: Sequence[Message], *, waits: bool = False) -> None:
        self._messages = list(messages)
        self._waits = waits
        self.reads = 0

    async def __call__(self) -> Message:
        self.reads += 1
        if self._waits:
            await asyncio.sleep(0)
        if not self._messages:
            await asyncio.Event().wait()
        return self._messages.pop(0)


def part(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def read_body(
    sender: Sender,
    budget: Budget | None = None,
    *,
    length: bytes | None = None,
    encoding: bytes | None = None,
    answer_first: bool = False,
    finds_gzip: bool = False,
) -> bytes | BodyRefused:
    lease = Lease(budget or Budget(10_000))
    try:
        return await read(
            sender,
            content_length=length,
            content_encoding=encoding,
            may_answer_first=answer_first,
            limits=LIMITS,
            lease=lease,
            finds_gzip=finds_gzip,
        )
    finally:
        lease.release()


@pytest.mark.parametrize("waits", [False, True])
async def test_parts_are_put_together(waits: bool) -> None:  # noqa: FBT001 - a case
    sender = Sender([part(b"ab", more=True), part(b"", more=True), part(b"c")], waits=waits)

    assert await read_body(sender) == b"abc"


@pytest.mark.parametrize("first", [[], [part(b"a", more=True)]])
async def test_a_silent_sender_is_given_up(first: list[Message]) -> None:
    answer = await read_body(Sender(first))

    assert isinstance(answer, BodyRefused)
    assert answer.code is BodyCode.BODY_TIMEOUT


async def test_a_sender_that_hangs_up_is_not_answered() -> None:
    sender = Sender([part(b"a", more=True), {"type": "http.disconnect"}], waits=True)

    with pytest.raises(ClientGone):
        await read_body(sender)


async def test_what_is_too_large_is_read_to_its_end_but_not_for_ever() -> None:
    polite = Sender([part(b"x" * 600, more=True), part(b"x" * 600, more=True), part(b"x")])
    at_the_end = Sender([part(b"x" * 600, more=True), part(b"x" * 600)])
    endless = Sender([part(b"x" * 1_000, more=True)] * 100)

    answers = [
        await read_body(polite),
        await read_body(at_the_end),
        await read_body(endless, length=b"100000"),
    ]

    assert [a.code for a in answers if isinstance(a, BodyRefused)] == [BodyCode.BODY_TOO_LARGE] * 3
    assert (polite.reads, at_the_end.reads, endless.reads) == (3, 2, 8)


async def test_a_sender_that_expects_100_is_answered_before_it_sends() -> None:
    sender = Sender([])

    answer = await read_body(sender, length=b"1001", answer_first=True)

    assert isinstance(answer, BodyRefused)
    assert sender.reads == 0


async def test_bodies_share_a_budget_and_give_it_back() -> None:
    budget = Budget(1_500)
    held = Lease(budget)
    held.reserve(1_000)

    busy = await read_body(Sender([part(b"x" * 600)]), budget)
    held.release()
    fine = await read_body(Sender([part(b"x" * 600)]), budget)

    assert isinstance(busy, BodyRefused)
    assert busy.code is BodyCode.BUSY
    assert fine == b"x" * 600
    assert budget.held_bytes == 0


async def test_what_is_unpacked_counts_too() -> None:
    packed = gzip.compress(b"x" * 900)

    busy = await read_body(Sender([part(packed)]), Budget(500), encoding=b"gzip")
    fine = await read_body(Sender([part(packed)]), Budget(1_000), encoding=b"gzip")

    assert isinstance(busy, BodyRefused)
    assert busy.code is BodyCode.BUSY
    assert fine == b"x" * 900


async def test_gzip_that_no_header_names_is_found_only_where_it_is_looked_for() -> None:
    packed = gzip.compress(b"x" * 900)

    assert await read_body(Sender([part(packed)]), finds_gzip=True) == b"x" * 900
    assert await read_body(Sender([part(b"plain")]), finds_gzip=True) == b"plain"
    assert await read_body(Sender([part(packed)])) == packed


async def test_gzip_that_was_found_is_held_to_the_same_bounds() -> None:
    bomb = await read_body(Sender([part(gzip.compress(b" " * 1_000_000))]), finds_gzip=True)
    cut = await read_body(Sender([part(gzip.compress(b"x" * 900)[:-1])]), finds_gzip=True)
    busy = await read_body(Sender([part(gzip.compress(b"x" * 900))]), Budget(500), finds_gzip=True)

    codes = [each.code for each in (bomb, cut, busy) if isinstance(each, BodyRefused)]
    assert codes == [BodyCode.BODY_TOO_LARGE, BodyCode.BROKEN_ENCODING, BodyCode.BUSY]


async def test_a_body_of_nothing_but_empty_members_is_not_worked_through() -> None:
    member = gzip.compress(b"", mtime=0)
    limits = Limits(max_body_bytes=1_000_000)
    few, many = member * 256, member * 257

    assert gunzipped(few, limits, Lease(Budget(10_000))) == b""
    refused = gunzipped(many, limits, Lease(Budget(10_000)))
    assert isinstance(refused, BodyRefused)
    assert refused.code is BodyCode.BROKEN_ENCODING


async def test_a_body_of_too_many_parts_is_refused_however_it_comes() -> None:
    limits = replace(LIMITS, max_body_parts=20)
    lease = Lease(Budget(10_000))
    few, many = b"[" + b"{}," * 9 + b"{}]", b"[" + b"{}," * 10 + b"{}]"

    answers = {
        body: [
            await read(
                Sender([part(body)]),
                content_length=None,
                content_encoding=None,
                may_answer_first=False,
                limits=limits,
                lease=lease,
            ),
            inflated(body, None, limits, lease),
            inflated(gzip.compress(body), b"gzip", limits, lease),
            gunzipped(body, limits, lease),
            gunzipped(gzip.compress(body), limits, lease),
        ]
        for body in (few, many)
    }

    assert answers[few] == [few] * 5
    assert answers[many] == [too_many_parts(limits)] * 5
    assert too_many_parts(limits).code is BodyCode.TOO_MANY_PARTS


def test_the_rest_of_a_body_of_too_many_parts_is_not_decompressed() -> None:
    """Counted piece by piece, before a piece is kept: nothing is reserved for what is refused."""
    limits = replace(LIMITS, max_body_bytes=1_000_000, max_body_parts=100)
    budget = Budget(0)

    answer = gunzipped(gzip.compress(b"," * 900_000), limits, Lease(budget))

    assert answer == too_many_parts(limits)


async def test_the_parts_of_a_raw_body_are_not_counted() -> None:
    raw = await read(
        Sender([part(b",,,")]),
        content_length=None,
        content_encoding=b"gzip",
        may_answer_first=False,
        limits=replace(LIMITS, max_body_parts=1),
        lease=Lease(Budget(10)),
        is_raw=True,
    )

    assert raw == b",,,"


@pytest.mark.parametrize(("size", "is_bomb"), [(65_000, False), (300_000, True)])
def test_a_small_body_does_not_unpack_to_a_large_one(size: int, *, is_bomb: bool) -> None:
    limits = Limits(max_body_bytes=1_000_000)
    packed = gzip.compress(b" " * size)

    answer = inflated(packed, b"gzip", limits, Lease(Budget(1_000_000)))

    assert len(packed) < 500
    assert (answer is BOMB) == is_bomb


def test_a_share_counts_in_the_whole_and_leaves_the_rest_of_it() -> None:
    whole = Budget(100)
    share = Budget(30, whole=whole)
    keyless, other = Lease(share), Lease(whole)

    assert keyless.reserve(30)
    assert not keyless.reserve(1)
    assert other.reserve(70)
    assert not other.reserve(1)
    keyless.release()

    assert (share.held_bytes, whole.held_bytes) == (0, 70)


def test_a_share_without_room_in_the_whole_reserves_nothing() -> None:
    whole = Budget(100)
    share = Budget(30, whole=whole)
    Lease(whole).reserve(90)

    assert not Lease(share).reserve(20)
    assert (share.held_bytes, whole.held_bytes) == (0, 90)
