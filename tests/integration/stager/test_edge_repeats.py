"""Case P9 at midnight: a delivery that is repeated across the edge of its day is one event."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.contracts.envelope import Envelope
from shared.contracts.message_ids import in_slot
from tests.integration.stager.world import SALES, World, world

CONTENT = "generic:" + "5f" * 32
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)


def delivery(w: World, minutes: float, *, content: str = CONTENT, hourly: bool = False) -> Envelope:
    """A form without id and time, received so many minutes after midnight."""
    at = MIDNIGHT + timedelta(minutes=minutes)
    message_id = f"~s.form/{in_slot(content, at, is_hourly=hourly)}"
    return w.event(
        "Demo Requested", 1, account_id="acme", message_id=message_id, received_at=at,
        occurred_at=at, source="src_form",
    )  # fmt: skip


@pytest.mark.parametrize("minutes", [(-5, 4), (4, -5)])
async def test_two_deliveries_minutes_apart_are_one_event_on_both_sides_of_midnight(
    database_url: str, minutes: tuple[float, float]
) -> None:
    async with world(database_url, SALES) as w:
        first, second = (delivery(w, each) for each in minutes)
        assert first.message_id != second.message_id

        await w.send(first)
        await w.send(second)

        assert await w.verdicts() == (1, 1, 0)


async def test_two_deliveries_of_one_batch_are_one_event(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(delivery(w, -5), delivery(w, 4), delivery(w, 6))

        assert await w.verdicts() == (1, 2, 0)


async def test_what_comes_hours_after_midnight_is_another_event(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(delivery(w, -5))
        await w.send(delivery(w, 90))
        await w.send(delivery(w, 24 * 60 * 200))

        assert await w.verdicts() == (3, 0, 0)


async def test_an_hourly_source_has_edges_of_ten_minutes(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(delivery(w, -5, hourly=True))
        await w.send(delivery(w, 4, hourly=True))
        assert await w.verdicts() == (1, 1, 0)

        await w.send(delivery(w, 15, hourly=True))
        assert await w.verdicts() == (2, 1, 0)


async def test_other_content_at_midnight_is_another_event(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(delivery(w, -5))
        await w.send(delivery(w, 4, content="generic:" + "60" * 32))

        assert await w.verdicts() == (2, 0, 0)
