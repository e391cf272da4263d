"""A12: a shopper on a phone fills a cart, enters the checkout and leaves."""

from datetime import UTC, datetime, timedelta

from shared.maps import templates
from tests.acceptance.stories import event, live
from tests.support.services import Stack

TOM = {"user_id": "tom"}


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2025, 1, 6, hour, minute, tzinfo=UTC)


VISIT = [
    event("promo_page", at(10), "tom-1", channel="social", **TOM),
    event("review_page", at(10, 4), "tom-2", channel="website", **TOM),
    event("add_to_cart", at(10, 9), "tom-3", channel="website", value=89.9, **TOM),
    event(
        "shipping_details", at(10, 11), "tom-4", channel="website",
        friction="late shipping details", sentiment=2, **TOM,
    ),
    event(
        "error_page", at(10, 14), "tom-5", channel="website",
        friction="hidden guest checkout", sentiment=1, **TOM,
    ),
]  # fmt: skip


async def test_leaving_in_the_checkout_raises_one_alert_that_names_the_last_touchpoint(
    stack: Stack,
) -> None:
    await stack.publish(templates.read("shop-person"))
    await live(stack, VISIT)

    before = await stack.alerts()
    stack.clock.set(at(11, 11))
    await stack.settled()
    (alert,) = await stack.alerts()

    assert before == []
    assert alert["kind"] == "stall"
    assert alert["state"] == "open"
    assert (alert["journey"], alert["stage"], alert["cycle"]) == ("shop-person", "checkout", 1)
    assert alert["account_id"] == "user:tom"
    assert alert["owner"] == "checkout team"
    assert alert["opened_at"] == "2025-01-06T11:11:00Z"
    assert alert["value_at_risk"] == 89.9
    assert alert["last_touchpoint"]["event"] == "error_page"
    assert alert["last_touchpoint"]["message_id"] == "tom-5"
    assert "error_page" in alert["summary"]


async def test_the_shopper_shows_as_stalled_and_the_frictions_are_in_the_timeline(
    stack: Stack,
) -> None:
    await stack.publish(templates.read("shop-person"))
    await live(stack, VISIT)

    await stack.advance_clock(timedelta(hours=2))

    stage = await stack.stage(user_id="tom")
    assert (stage["stage"], stage["status"]) == ("checkout", "stalled")
    frictions = [item["friction"] for item in await stack.timeline("user:tom") if item["friction"]]
    assert sorted(frictions) == ["hidden guest checkout", "late shipping details"]


async def test_coming_back_to_pay_resolves_the_alert_at_the_instant_of_the_move(
    stack: Stack,
) -> None:
    await stack.publish(templates.read("shop-person"))
    await live(stack, VISIT)
    await stack.advance_clock(timedelta(hours=2))

    await live(stack, [event("purchase", at(15), "tom-6", channel="website", **TOM)])

    (alert,) = await stack.alerts()
    assert (alert["state"], alert["resolved_at"]) == ("resolved", "2025-01-06T15:00:00Z")
    assert (await stack.stage(user_id="tom"))["status"] == "active"


async def test_an_alert_opens_once_a_visit_however_often_the_stager_starts(stack: Stack) -> None:
    await stack.publish(templates.read("shop-person"))
    await live(stack, VISIT)
    await stack.advance_clock(timedelta(hours=2))
    (first,) = await stack.alerts()

    await stack.restart()
    await stack.post(VISIT)
    await stack.advance_clock(timedelta(days=2))

    assert [alert["id"] for alert in await stack.alerts(state="open")] == [first["id"]]
