"""A company in a CRM, seen through webhooks alone: HubSpot as it signs and delivers."""

import base64
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.standalone.compose import Settings, settings_from
from shared.clock import ManualClock
from tests.acceptance.conftest import START
from tests.acceptance.stories import event, path
from tests.support.eventually import eventually
from tests.support.services import Log, Stack, overrides_of

PUBLIC_URL = "https://events.acme.example"
SECRET = "client-secret-of-the-app"

MAP = """
journey: sales
title: Sales
subject: account
stages:
  - {key: lead, title: Lead, job: look around}
  - key: opportunity
    title: Opportunity
    job: compare
    enter: {event: Lifecycle Stage Changed, where: {stage: opportunity}}
  - key: contract
    title: Contract
    job: agree
    enter: {event: Deal Stage Changed, where: {stage: contractsent}}
  - key: customer
    title: Customer
    job: get going
    enter: {event: Deal Stage Changed, where: {stage: closedwon}}
"""


def at(day: int, hour: int = 9) -> datetime:
    return datetime(2025, 1, day, hour, tzinfo=UTC)


class WithPublicAddress(Stack):
    """A Stageline that knows by which address providers call it."""

    def settings(self) -> Settings:
        return settings_from(
            **overrides_of(self.database_url, self.log), public_base_url=PUBLIC_URL
        )


@pytest.fixture
async def stack(database_url: str, log: Log, tmp_path: Path) -> AsyncIterator[Stack]:
    running = WithPublicAddress(database_url, log, ManualClock(START), tmp_path)
    await running.start()
    yield running
    await running.stop()


class HubSpot:
    """The provider's servers."""

    def __init__(self, stack: Stack, source_id: str) -> None:
        self._stack = stack
        self._path = f"/v1/webhooks/hubspot/{source_id}"
        self._events = 0

    def change(self, kind: str, when: datetime, **more: Any) -> dict[str, Any]:
        self._events += 1
        return {
            "eventId": self._events,
            "subscriptionId": 1,
            "portalId": 33,
            "occurredAt": int(when.timestamp() * 1000),
            "subscriptionType": kind,
            "attemptNumber": 0,
            **more,
        }

    def property(
        self, thing: str, number: int, name: str, value: str, when: datetime
    ) -> dict[str, Any]:
        return self.change(
            f"{thing}.propertyChange",
            when,
            objectId=number,
            propertyName=name,
            propertyValue=value,
        )

    def link(self, kind: str, ends: tuple[int, int], when: datetime) -> dict[str, Any]:
        thing = kind.partition("_")[0].lower()
        return self.change(
            f"{thing}.associationChange",
            when,
            associationType=kind,
            fromObjectId=ends[0],
            toObjectId=ends[1],
            associationRemoved=False,
        )

    async def post(self, changes: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        body = json.dumps(changes).encode()
        timestamp = str(int(self._stack.clock.now().timestamp() * 1000))
        content = b"POST" + f"{PUBLIC_URL}{self._path}".encode() + body + timestamp.encode()
        signature = base64.b64encode(hmac.digest(SECRET.encode(), content, "sha256")).decode()
        answer = await self._stack.write.post(
            self._path,
            content=body,
            headers={
                "X-HubSpot-Signature-v3": signature,
                "X-HubSpot-Request-Timestamp": timestamp,
            },
        )
        result: dict[str, Any] = answer.json()
        return answer.status_code, result

    async def deliver(self, *changes: dict[str, Any]) -> None:
        """Send changes; each makes as many touchpoints as the answer says."""
        status, result = await self.post(list(changes))
        assert (status, result["rejected"]) == (200, [])
        self._stack.accepted += result["accepted"]
        await self._stack.settled()


@pytest.fixture
async def hubspot(stack: Stack) -> HubSpot:
    """A source, set up by HTTP, whose secret ingest has heard of."""
    made = await stack.read.post(
        "/v1/sources",
        json={
            "name": "crm",
            "kind": "hubspot",
            "settings": {"account_id_property": "our_account"},
        },
    )
    assert made.status_code == 201, made.text
    source_id = made.json()["source_id"]
    secret = await stack.read.post(f"/v1/sources/{source_id}/secrets", json={"value": SECRET})
    assert secret.status_code == 201, secret.text
    provider = HubSpot(stack, source_id)

    async def is_known() -> bool:
        return (await provider.post([]))[0] == 200

    await eventually(is_known)
    return provider


async def tell_the_story(stack: Stack, hubspot: HubSpot) -> None:
    """From a contact to a won deal, in 13 changes; the company gets our own name in the end."""
    stack.clock.set(at(20))
    # Out of order, and the contact's beginning comes last.
    await hubspot.deliver(
        hubspot.property("contact", 201, "email", "ann@acme.example", at(7, 10)),
        hubspot.link("CONTACT_TO_COMPANY", (201, 77), at(8)),
        hubspot.change("company.creation", at(7, 12), objectId=77),
        hubspot.change("contact.creation", at(7), objectId=201),
    )
    await hubspot.deliver(
        hubspot.property("contact", 201, "lifecyclestage", "lead", at(9)),
        hubspot.property("company", 77, "lifecyclestage", "opportunity", at(10)),
        hubspot.property("deal", 9, "dealstage", "contractsent", at(13)),
        hubspot.property("deal", 9, "dealstage", "closedwon", at(15)),
    )
    await hubspot.deliver(
        hubspot.change("deal.creation", at(12), objectId=9),
        hubspot.link("DEAL_TO_COMPANY", (9, 77), at(12, 10)),
    )
    await hubspot.deliver(hubspot.property("company", 77, "our_account", "acme", at(16)))


HISTORY = [
    ("lead", "Contact Created", "2025-01-07T09:00:00Z"),
    ("opportunity", "Lifecycle Stage Changed", "2025-01-10T09:00:00Z"),
    ("contract", "Deal Stage Changed", "2025-01-13T09:00:00Z"),
    ("customer", "Deal Stage Changed", "2025-01-15T09:00:00Z"),
]


async def test_lifecycle_and_deals_of_a_crm_become_stages_with_their_causes(
    stack: Stack, hubspot: HubSpot
) -> None:
    await stack.publish(MAP)

    await tell_the_story(stack, hubspot)

    history = await stack.history("acme")
    assert [
        (each["to_stage"], each["cause"]["event"], each["occurred_at"]) for each in history
    ] == HISTORY
    names = [
        {"account_id": "acme"},
        {"account_id": "hubspot:company:77"},
        {"anonymous_id": "hubspot:contact:201"},
        {"anonymous_id": "hubspot:deal:9"},
        {"email": "ann@acme.example"},
    ]
    stages = [await stack.stage(**name) for name in names]
    assert [(each["account_id"], each["stage"]) for each in stages] == [("acme", "customer")] * 5
    assert (await stack.verified()).problems == []


async def test_what_the_provider_sends_again_counts_once(stack: Stack, hubspot: HubSpot) -> None:
    await stack.publish(MAP)
    stack.clock.set(at(20))
    change = hubspot.property("company", 77, "lifecyclestage", "opportunity", at(10))

    await hubspot.deliver(change)
    await hubspot.deliver(change, {**change, "attemptNumber": 1})

    assert len(await stack.timeline("hubspot:company:77")) == 1
    report = await stack.verified()
    assert report.problems == []


async def test_what_comes_again_after_a_month_is_a_duplicate_of_whatever_kind_it_is(
    stack: Stack, hubspot: HubSpot
) -> None:
    await stack.publish(MAP)
    stack.clock.set(at(20))
    changes = [
        hubspot.property("company", 77, "lifecyclestage", "opportunity", at(10)),
        hubspot.change("contact.privacyDeletion", at(11), objectId=205),
        hubspot.change("line_item.creation", at(12), objectId=5),
    ]
    await hubspot.deliver(*changes)

    stack.clock.set(at(20) + timedelta(days=31))
    await hubspot.deliver(*({**change, "attemptNumber": 9} for change in changes))

    report = await stack.verified()
    verdicts = [
        sum(getattr(each, name) for each in report.partitions)
        for name in ("applied", "erased", "dead", "duplicate")
    ]
    assert (verdicts, report.problems) == ([1, 1, 1, 3], [])


async def test_the_website_and_the_crm_meet_in_one_timeline(stack: Stack, hubspot: HubSpot) -> None:
    await stack.publish(MAP)
    stack.clock.set(at(20))
    await stack.post(
        [event("Pricing Viewed", at(6), "web-1", user_id="ann", email="ann@acme.example")]
    )

    await tell_the_story(stack, hubspot)

    timeline = await stack.timeline("acme")
    assert "Pricing Viewed" in [each["event"] for each in timeline]
    assert (await stack.stage(user_id="ann"))["account_id"] == "acme"
    assert path(await stack.history("acme"))[0] == (None, "lead")


async def test_merged_contacts_are_one_person(stack: Stack, hubspot: HubSpot) -> None:
    await stack.publish(MAP)
    await tell_the_story(stack, hubspot)
    await hubspot.deliver(
        hubspot.change("contact.creation", at(17), objectId=202),
        hubspot.property("contact", 202, "phone", "555", at(17, 10)),
    )
    before = await stack.stage(anonymous_id="hubspot:contact:202")

    await hubspot.deliver(
        hubspot.change(
            "contact.merge", at(18), objectId=201, primaryObjectId=201, mergedObjectIds=[202]
        )
    )

    after = await stack.stage(anonymous_id="hubspot:contact:202")
    assert before["account_id"] != "acme"
    assert (after["account_id"], after["stage"]) == ("acme", "customer")
    timeline = [each["event"] for each in await stack.timeline("acme")]
    assert timeline.count("Contact Created") == 2
    assert (await stack.verified()).problems == []


async def test_a_privacy_deletion_erases_the_person_and_keeps_the_company(
    stack: Stack, hubspot: HubSpot
) -> None:
    await stack.publish(MAP)
    await tell_the_story(stack, hubspot)

    await hubspot.deliver(hubspot.change("contact.privacyDeletion", at(19), objectId=201))

    for name in ({"anonymous_id": "hubspot:contact:201"}, {"email": "ann@acme.example"}):
        answer = await stack.read.get("/v1/stage", params=name)
        assert answer.status_code == 404, answer.text
    timeline = json.dumps(await stack.timeline("acme"))
    assert "ann@acme.example" not in timeline
    assert "hubspot:contact:201" not in timeline
    assert (await stack.stage(account_id="acme"))["stage"] == "customer"
    assert (await stack.verified()).problems == []
