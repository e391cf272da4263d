"""Events of one instant happened in the order of the body, and requests in the order of their arrival."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.acceptance.order.senders import WAYS, Senders, Sent

A_MOMENT = timedelta(milliseconds=1)

# By their ids, the last would be the first.
STORY = [("Webinar Attended", "m-9"), ("Deal Lost", "m-5"), ("Demo Requested", "m-1")]
NAMES = [event for event, _ in STORY]


def story(account: str, at: datetime | None = None) -> list[Sent]:
    return [Sent(event=event, message_id=f"{account}-{name}", at=at) for event, name in STORY]


async def answer(senders: Senders, account: str) -> tuple[Any, ...]:
    stage = await senders.stack.stage(account_id=account)
    return (stage["outcome"] or stage["stage"], stage["cycle"])


async def events(senders: Senders, account: str) -> list[str]:
    """Names in the timeline, oldest first."""
    return [each["event"] for each in (await senders.stack.timeline(account))[::-1]]


@pytest.mark.parametrize("way", WAYS)
async def test_events_without_a_time_happened_in_the_order_of_the_body(
    senders: Senders, account: str, way: str
) -> None:
    await senders.send(way, account, story(account))

    assert await answer(senders, account) == ("lead", 2)
    assert await events(senders, account) == NAMES


@pytest.mark.parametrize("way", WAYS)
async def test_events_of_one_given_time_happened_in_the_order_of_the_body(
    senders: Senders, account: str, way: str
) -> None:
    yesterday = senders.stack.clock.now() - timedelta(days=1)

    await senders.send(way, account, story(account, yesterday))

    assert await answer(senders, account) == ("lead", 2)
    assert await events(senders, account) == NAMES


@pytest.mark.parametrize("way", WAYS)
async def test_a_retry_that_is_batched_otherwise_changes_nothing(
    senders: Senders, account: str, way: str
) -> None:
    yesterday = senders.stack.clock.now() - timedelta(days=1)
    await senders.send(way, account, story(account, yesterday))
    before = await senders.stack.history_with_superseded(account)

    for each in reversed(story(account, yesterday)):
        senders.stack.clock.advance(A_MOMENT)
        await senders.send(way, account, [each])

    assert await senders.stack.history_with_superseded(account) == before
    assert await events(senders, account) == NAMES


async def test_a_late_event_leaves_the_order_of_an_instant_as_it_is(
    senders: Senders, account: str
) -> None:
    await senders.send("native", account, story(account))

    earlier = senders.stack.clock.now() - timedelta(days=2)
    late = Sent(event="Page Viewed", message_id=f"{account}-late", at=earlier)
    await senders.send("native", account, [late])

    assert await answer(senders, account) == ("lead", 2)
    assert await events(senders, account) == ["Page Viewed", *NAMES]
    assert (await senders.stack.verified()).problems == []


@pytest.mark.parametrize(("cancel", "start"), [("m-1", "m-2"), ("m-2", "m-1")])
@pytest.mark.parametrize("way", WAYS)
async def test_requests_about_one_instant_count_in_the_order_of_their_arrival(
    senders: Senders, account: str, way: str, cancel: str, start: str
) -> None:
    at = senders.stack.clock.now() - timedelta(hours=1)
    bought = Sent(event="Subscription Started", message_id=f"{account}-0", at=at - A_MOMENT)
    await senders.send(way, account, [bought])

    for event, name in (("Subscription Cancelled", cancel), ("Subscription Started", start)):
        senders.stack.clock.advance(A_MOMENT)
        sent = Sent(event=event, message_id=f"{account}-{name}", at=at)
        await senders.send(way, account, [sent])

    assert await answer(senders, account) == ("customer", 2)
    assert (await events(senders, account))[1:] == [
        "Subscription Cancelled",
        "Subscription Started",
    ]


@pytest.mark.parametrize(("cancel", "start"), [("evt_1", "evt_2"), ("evt_2", "evt_1")])
async def test_a_provider_that_knows_seconds_alone_is_read_as_its_deliveries_arrive(
    senders: Senders, account: str, cancel: str, start: str
) -> None:
    second = (senders.stack.clock.now() - timedelta(hours=1)).replace(microsecond=0)
    await senders.stripe(
        account, f"evt_0_{account}", "customer.subscription.created", second - timedelta(days=9)
    )

    for name, kind in ((cancel, "deleted"), (start, "created")):
        senders.stack.clock.advance(A_MOMENT)
        await senders.stripe(account, f"{name}_{account}", f"customer.subscription.{kind}", second)

    assert await answer(senders, account) == ("customer", 2)


async def test_a_long_body_keeps_its_order(senders: Senders, account: str) -> None:
    """More events than are decided at once."""
    started = [
        Sent(event="Page Viewed", message_id=f"{account}-{999 - place:03}") for place in range(250)
    ]
    ends = [Sent(event=event, message_id=f"{account}-{name}") for event, name in STORY[1:]]

    await senders.send("native", account, [*started, *ends])

    assert await answer(senders, account) == ("lead", 2)
    assert (await events(senders, account))[-2:] == NAMES[1:]


@pytest.mark.parametrize("order", ["newest", "oldest"])
async def test_a_page_of_the_timeline_may_end_within_an_instant(
    senders: Senders, account: str, order: str
) -> None:
    await senders.send("native", account, story(account))

    listed: list[str] = []
    query = {"order": order, "limit": "1"}
    path = f"/v1/accounts/{account}/timeline"
    while True:
        page = (await senders.stack.read.get(path, params=query)).json()
        listed += [each["event"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]

    assert listed == (NAMES if order == "oldest" else NAMES[::-1])


@pytest.mark.parametrize("way", WAYS)
async def test_a_person_who_changes_account_within_an_instant_is_in_the_last_one(
    senders: Senders, account: str, way: str
) -> None:
    former, person = f"former-{account}", f"pia-{account}"

    await senders.send(
        way,
        account,
        [
            Sent(event="Trial Started", message_id=f"{account}-9", user=person, account=former),
            Sent(event="Trial Started", message_id=f"{account}-1", user=person),
        ],
    )
    senders.stack.clock.advance(A_MOMENT)
    await senders.stack.post(
        [{"event": "Subscription Started", "message_id": f"{account}-0", "user_id": person}]
    )

    assert await answer(senders, account) == ("customer", 1)
    assert await answer(senders, former) == ("trial", 1)


async def test_a_sequence_of_the_sender_orders_an_instant_across_requests(
    senders: Senders, account: str
) -> None:
    at = (senders.stack.clock.now() - timedelta(days=1)).isoformat()

    for sequence, (event, name) in reversed(list(enumerate(STORY, start=1))):
        senders.stack.clock.advance(A_MOMENT)
        await senders.stack.post(
            [
                {
                    "event": event,
                    "message_id": f"{account}-{name}",
                    "account_id": account,
                    "occurred_at": at,
                    "sequence": sequence,
                }
            ]
        )

    assert await answer(senders, account) == ("lead", 2)
    assert await events(senders, account) == NAMES
