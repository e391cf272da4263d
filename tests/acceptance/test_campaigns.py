"""R31: which campaign stood before each entry into a stage."""

from datetime import UTC, datetime
from typing import Any

from shared.maps import templates
from tests.acceptance.stories import event
from tests.support.services import Stack

B2B = """
journey: deals
title: Deals
subject: account
stages:
  - {key: visit, title: Visit, owner: marketing}
  - {key: demo, title: Demo, owner: sales, enter: {event: Demo Requested}}
  - {key: won, title: Won, owner: sales, enter: {event: Contract Signed}}
"""
SPRING = {"name": "spring", "source": "newsletter", "medium": "email"}
BOTH = {"name": "both", "source": "search", "medium": "cpc"}


def on(day: int) -> datetime:
    return datetime(2025, 1, day, 8, tzinfo=UTC)


async def campaigns(stack: Stack, journey: str, **query: str) -> list[dict[str, Any]]:
    answer = await stack.read.get(f"/v1/journeys/{journey}/campaigns", params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def counted(items: list[dict[str, Any]]) -> set[tuple[str, str | None, int, int]]:
    return {
        (each["stage"], (each["campaign"] or {}).get("name"), each["entries"], each["accounts"])
        for each in items
    }


async def test_entries_count_for_the_first_or_last_campaign_before_them(stack: Stack) -> None:
    await stack.publish(B2B)
    await stack.post(
        [
            event("Ad Clicked", on(1), "a-1", account_id="acme", campaign=SPRING),
            event("Demo Requested", on(2), "a-2", account_id="acme"),
            event("Mail Opened", on(3), "a-3", account_id="acme", campaign=BOTH),
            event("Contract Signed", on(4), "a-4", account_id="acme"),
            event("Demo Requested", on(2), "b-1", account_id="birch", campaign=SPRING),
            event("Demo Requested", on(2), "c-1", account_id="cedar"),
            # What comes after an entry has no part in it.
            event("Ad Clicked", on(3), "c-2", account_id="cedar", campaign=BOTH),
        ]
    )

    last = await campaigns(stack, "deals")
    first = await campaigns(stack, "deals", attribution="first")
    recent = await campaigns(stack, "deals", since="2025-01-03T00:00:00Z")

    assert counted(last) == {
        ("visit", "spring", 1, 1),
        ("demo", "spring", 2, 2),
        ("demo", None, 1, 1),
        ("won", "both", 1, 1),
    }
    assert ("won", "spring", 1, 1) in counted(first)
    assert counted(recent) == {("won", "both", 1, 1)}
    assert next(each for each in last if each["stage"] == "won")["campaign"] == {
        **BOTH,
        "term": None,
        "content": None,
    }


async def test_a_persons_entries_count_for_the_campaigns_that_this_person_met(stack: Stack) -> None:
    await stack.publish(templates.read("shop-person"))
    tom, eva = {"user_id": "tom", "account_id": "acme"}, {"user_id": "eva", "account_id": "acme"}
    await stack.post(
        [
            event("promo_page", on(1), "t-1", campaign=SPRING, **tom),
            event("promo_page", on(1), "e-1", **eva),
            event("add_to_cart", on(2), "t-2", **tom),
            event("add_to_cart", on(3), "e-2", campaign=BOTH, **eva),
        ]
    )

    carts = [each for each in await campaigns(stack, "shop-person") if each["stage"] == "cart"]

    assert counted(carts) == {("cart", "spring", 1, 1), ("cart", "both", 1, 1)}
    assert (await stack.read.get("/v1/journeys/none/campaigns")).status_code == 404


async def test_the_campaign_of_an_unmodified_sdk_counts_too(stack: Stack) -> None:
    await stack.publish(B2B)
    call = {
        "type": "track",
        "event": "Demo Requested",
        "userId": "leah",
        "messageId": "s-1",
        "timestamp": "2025-01-02T08:00:00Z",
        "context": {"groupId": "acme", "campaign": SPRING},
    }
    answer = await stack.write.post("/v1/batch", json={"batch": [call]})
    assert answer.status_code == 200
    stack.accepted += 1
    await stack.settled()

    assert counted(await campaigns(stack, "deals")) == {("demo", "spring", 1, 1)}
