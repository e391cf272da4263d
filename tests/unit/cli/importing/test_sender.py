import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from services.cli.client.target import ApiTarget
from services.cli.importing.formats.cells import RowProblem
from services.cli.importing.rows import Row
from services.cli.importing.sender import BatchSender, Prefix, Sent, batches
from shared.errors import FatalError, TransientError

TARGET = ApiTarget(url="http://ingest", key="sl_wk_test")


@dataclass
class BatchLog:
    sents: list[Sent] = field(default_factory=list)
    safe: list[Sent | None] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def sent(self, batch: Sent, safe: Sent | None) -> None:
        self.sents.append(batch)
        self.safe.append(safe)

    def waiting(self, seconds: float, reason: str) -> None:
        self.pauses.append(seconds)
        assert reason


def rows(count: int) -> Iterator[Row]:
    for line in range(2, count + 2):
        body = json.dumps({"event": "E", "message_id": str(line)}).encode()
        yield Row(line=line, position=line * 10, body=body)


async def send(
    answer: Callable[[list[dict[str, Any]]], httpx.Response],
    given: Iterator[Row],
    *,
    batch_rows: int = 10,
    patience_seconds: float = 5.0,
) -> BatchLog:
    log = BatchLog()

    def handle(request: httpx.Request) -> httpx.Response:
        return answer(json.loads(request.content))

    async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as client:
        sender = BatchSender(client, TARGET, log, patience_seconds=patience_seconds)
        cut = batches(given, batch_rows=batch_rows)
        await sender.send_all(cut, concurrency=2)
    return log


def accepted(events: list[dict[str, Any]]) -> httpx.Response:
    return httpx.Response(202, json={"accepted": len(events), "rejected": []})


def made(next_line: int) -> Sent:
    return Sent(next_line=next_line, position=0, accepted=1, refused=())


async def test_every_row_is_sent_once_in_batches() -> None:
    log = await send(accepted, rows(25))

    assert sum(sent.accepted for sent in log.sents) == 25
    assert max(sent.next_line for sent in log.sents) == 27


def test_a_batch_that_overtook_another_is_not_safe_until_the_other_is() -> None:
    prefix = Prefix()
    first, second, third = made(1), made(2), made(3)

    assert prefix.add(1, second) is None
    assert prefix.add(0, first) is second
    assert prefix.add(2, third) is third


async def test_a_busy_ingest_is_waited_for_as_long_as_it_says() -> None:
    answers = [httpx.Response(503, headers={"Retry-After": "0"}), httpx.Response(429)]

    def busy_twice(events: list[dict[str, Any]]) -> httpx.Response:
        return answers.pop() if answers else accepted(events)

    log = await send(busy_twice, rows(3))

    assert sum(sent.accepted for sent in log.sents) == 3
    assert len(log.pauses) == 2
    assert min(log.pauses) == 0


async def test_a_connection_that_breaks_is_tried_again() -> None:
    broken = [1]

    def breaks_once(events: list[dict[str, Any]]) -> httpx.Response:
        if broken:
            broken.pop()
            raise httpx.ConnectError("refused")
        return accepted(events)

    log = await send(breaks_once, rows(3))

    assert sum(sent.accepted for sent in log.sents) == 3


async def test_patience_ends_and_says_that_the_same_command_goes_on() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await send(lambda _: httpx.Response(503), rows(3), patience_seconds=0.1)

    assert isinstance(caught.value.exceptions[0], TransientError)
    assert "the same command goes on" in str(caught.value.exceptions[0])


@pytest.mark.parametrize(
    ("status", "message"), [(401, "the key was refused"), (403, "the key"), (400, "answered 400")]
)
async def test_an_answer_that_will_not_change_stops_at_once(status: int, message: str) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await send(lambda _: httpx.Response(status), rows(3))

    assert isinstance(caught.value.exceptions[0], FatalError)
    assert message in str(caught.value.exceptions[0])


async def test_a_key_that_may_not_send_is_refused_in_ingests_words() -> None:
    answer = httpx.Response(403, json={"detail": "Events of this source come from its own pages."})

    with pytest.raises(ExceptionGroup) as caught:
        await send(lambda _: answer, rows(3))

    assert "come from its own pages" in str(caught.value.exceptions[0])


async def test_a_refused_row_is_reported_by_its_line() -> None:
    def refuses_second(events: list[dict[str, Any]]) -> httpx.Response:
        rejected = [{"index": 1, "code": "invalid_event", "detail": "no person"}]
        return httpx.Response(202, json={"accepted": len(events) - 1, "rejected": rejected})

    log = await send(refuses_second, rows(3))

    (refused,) = log.sents[0].refused
    assert refused.problem == RowProblem(line=3, code="invalid_event", detail="no person")
    assert json.loads(refused.row.body)["message_id"] == "3"
    assert log.sents[0].accepted == 2


async def test_a_batch_of_which_nothing_was_accepted_is_an_answer_not_a_failure() -> None:
    rejected = [{"index": index, "code": "invalid_event", "detail": "no"} for index in range(2)]

    log = await send(
        lambda _: httpx.Response(422, json={"accepted": 0, "rejected": rejected}), rows(2)
    )

    assert [refused.problem.line for refused in log.sents[0].refused] == [2, 3]
    assert log.sents[0].accepted == 0


async def test_a_request_that_is_too_large_is_sent_in_halves() -> None:
    def two_at_most(events: list[dict[str, Any]]) -> httpx.Response:
        return httpx.Response(413) if len(events) > 2 else accepted(events)

    log = await send(two_at_most, rows(5))

    assert log.sents[0].accepted == 5
    assert log.sents[0].refused == ()


async def test_a_row_that_is_too_large_alone_is_refused_by_its_line() -> None:
    log = await send(lambda _: httpx.Response(413), rows(1))

    problems = [refused.problem for refused in log.sents[0].refused]
    assert [(problem.line, problem.code) for problem in problems] == [(2, "event_too_large")]


def test_a_batch_stays_below_the_byte_limit() -> None:
    given = (Row(line=line, position=0, body=b"x" * 150_000) for line in range(5))

    sizes = [len(batch.rows) for batch in batches(given, batch_rows=100)]

    assert sizes == [2, 2, 1]
