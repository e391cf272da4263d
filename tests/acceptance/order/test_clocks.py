"""Clocks that are ahead: the events happened on arrival, in the order in which the sender saw them."""

from datetime import timedelta

import pytest

from tests.acceptance.order.senders import WAYS, Senders, Sent
from tests.acceptance.order.test_ties import NAMES, STORY, answer, events, story

AHEAD = timedelta(minutes=4)


@pytest.mark.parametrize("way", WAYS)
async def test_a_batch_of_a_clock_that_is_ahead_keeps_its_order(
    senders: Senders, account: str, way: str
) -> None:
    now = senders.stack.clock.now()
    sent = [
        Sent(event=event, message_id=f"{account}-{name}", at=now + AHEAD + timedelta(seconds=place))
        for place, (event, name) in enumerate(STORY)
    ]

    await senders.send(way, account, [sent[1], sent[2], sent[0]])

    assert await answer(senders, account) == ("lead", 2)
    timeline = await senders.stack.timeline(account)
    assert [each["event"] for each in timeline[::-1]] == NAMES
    assert len({each["occurred_at"] for each in timeline}) == 1


@pytest.mark.parametrize("way", WAYS)
async def test_equal_times_ahead_keep_the_order_of_the_body(
    senders: Senders, account: str, way: str
) -> None:
    await senders.send(way, account, story(account, senders.stack.clock.now() + AHEAD))

    assert await answer(senders, account) == ("lead", 2)
    assert await events(senders, account) == NAMES


@pytest.mark.parametrize("way", WAYS)
async def test_an_event_dated_next_year_moves_no_other(
    senders: Senders, account: str, way: str
) -> None:
    at = senders.stack.clock.now() - timedelta(minutes=1)
    planned = Sent(event="Page Viewed", message_id=f"{account}-0", at=at.replace(year=at.year + 1))
    seen = story(account, at)

    await senders.send(way, account, [seen[0], planned, *seen[1:]])

    assert await answer(senders, account) == ("lead", 2)
    assert await events(senders, account) == [*NAMES, "Page Viewed"]


async def test_what_has_no_time_happened_before_what_is_ahead(
    senders: Senders, account: str
) -> None:
    """Both happened on arrival, and the sender of the second says later."""
    now = senders.stack.clock.now()
    ahead = Sent(event="Demo Requested", message_id=f"{account}-1", at=now + AHEAD)
    timeless = [Sent(event=event, message_id=f"{account}-{name}") for event, name in STORY[:2]]

    await senders.send("native", account, [ahead, *timeless])

    assert await answer(senders, account) == ("lead", 2)
