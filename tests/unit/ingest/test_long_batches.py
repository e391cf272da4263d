"""A long batch lets other work of the event loop pass between its parts, and is decided as a short one is.

Counted in turns of the loop and in events, not in time.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import httpx
import pytest

from services.ingest import intake
from services.ingest.decisions import Decisions, decide
from services.ingest.limits import Limits
from tests.unit.ingest.conftest import ListLog

EVENTS = 2_400
MOST_AT_ONCE = 100

Sent = tuple[str, str, Callable[[list[dict[str, Any]]], object]]

WAYS: list[Sent] = [
    ("/v1/touchpoints", "application/json", lambda events: events),
    ("/v1/batch", "application/json", lambda events: {"batch": [_call(each) for each in events]}),
    ("/batch/", "application/json", lambda events: {"batch": [_capture(each) for each in events]}),
    (
        "/v1/cloudevents",
        "application/cloudevents-batch+json",
        lambda events: [_cloud_event(each) for each in events],
    ),
]


def _call(event: dict[str, Any]) -> dict[str, Any]:
    return {"type": "track", "event": event["event"], "userId": event["user_id"]}


def _capture(event: dict[str, Any]) -> dict[str, Any]:
    return {"event": event["event"], "distinct_id": event["user_id"]}


def _cloud_event(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": event["user_id"], "source": "/test", "type": event["event"],
        "userid": event["user_id"],
    }  # fmt: skip


@pytest.fixture
def limits() -> Limits:
    return Limits(max_body_bytes=2_000_000)


@asynccontextmanager
async def turns() -> AsyncIterator[Callable[[], int]]:
    """Turns of the event loop that another task had so far."""
    count = 0

    async def spin() -> None:
        nonlocal count
        while True:
            await asyncio.sleep(0)
            count += 1

    task = asyncio.ensure_future(spin())
    await asyncio.sleep(0)  # the task has begun
    try:
        yield lambda: count
    finally:
        task.cancel()


def events(number: int) -> list[dict[str, Any]]:
    return [{"event": "Plan Chosen", "user_id": f"user-{each}"} for each in range(number)]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way[0])
async def test_other_requests_are_served_between_the_parts_of_a_long_batch(
    client: httpx.AsyncClient,
    bearer: dict[str, str],
    event_log: ListLog,
    monkeypatch: pytest.MonkeyPatch,
    way: Sent,
) -> None:
    path, content_type, form = way
    parts: list[tuple[int, int]] = []

    async with turns() as so_far:

        def counted(items: Any, **rest: Any) -> Decisions:
            parts.append((len(items), so_far()))
            return decide(items, **rest)

        monkeypatch.setattr(intake, "decide", counted)
        response = await client.post(
            path,
            content=json.dumps(form(events(EVENTS))),
            headers={**bearer, "Content-Type": content_type},
        )

    assert response.status_code in {200, 202}
    assert [each.user_id for each in event_log.envelopes] == [f"user-{n}" for n in range(EVENTS)]
    assert max(size for size, _ in parts) <= MOST_AT_ONCE
    at = [turn for _, turn in parts]
    assert all(later > earlier for earlier, later in pairwise(at))


async def test_several_long_batches_share_the_turns_of_one(
    client: httpx.AsyncClient, bearer: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of each in one turn would add up to what one batch in one piece costs."""
    at: list[int] = []
    async with turns() as so_far:

        def counted(items: Any, **rest: Any) -> Decisions:
            at.append(so_far())
            return decide(items, **rest)

        monkeypatch.setattr(intake, "decide", counted)
        responses = await asyncio.gather(
            *(
                client.post("/v1/touchpoints", json=events(10 * MOST_AT_ONCE), headers=bearer)
                for _ in range(5)
            )
        )

    assert [each.status_code for each in responses] == [202] * 5
    # The part that ends a batch and the first of the next may fall into the same turn.
    assert len(set(at)) >= len(at) - 5
    assert len(at) == 50


async def test_a_refused_event_keeps_its_place_in_a_long_batch(
    client: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    sent: list[dict[str, Any]] = events(350)
    for place in (0, 99, 100, 349):
        sent[place] = {"event": "", "user_id": "u"}

    response = await client.post("/v1/touchpoints", json=sent, headers=bearer)

    assert response.json()["accepted"] == 346
    assert [each["index"] for each in response.json()["rejected"]] == [0, 99, 100, 349]
