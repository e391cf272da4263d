"""What an operator asks of privacy is so for everything that comes afterwards, through all services."""

from typing import Any

import httpx

from tests.support.database import connected
from tests.support.eventually import eventually
from tests.support.services import Stack

MAP = """\
journey: shop
title: Shop
subject: person
server_only: Order Completed
stages:
  - {key: visit, title: Visit, job: look, owner: web, touchpoints: [Page Viewed]}
  - {key: cart, title: Cart, job: choose, owner: web, enter: {event: Product Added}}
  - {key: bought, title: Bought, job: have, owner: web, enter: {event: Order Completed}}
"""
VISIT = {"event": "Page Viewed", "user_id": "ann"}
CART = {"event": "Product Added", "user_id": "ann"}
ORDER = {"event": "Order Completed", "user_id": "ann"}


async def sent(
    client: httpx.AsyncClient, event: dict[str, Any], **headers: str
) -> tuple[int, str | None]:
    """Status, and the code of the refusal if there is one."""
    answer = await client.post("/v1/touchpoints", json=event, headers=headers)
    result = answer.json()
    rejected = result.get("rejected")
    return answer.status_code, rejected[0]["code"] if rejected else result.get("code")


async def request(stack: Stack, path: str, body: dict[str, Any] | None = None) -> None:
    answer = await stack.read.post(path, json=body or {})
    assert answer.status_code in {200, 202}, answer.text


async def configured(stack: Stack, **settings: Any) -> None:
    """Change the source of the write key."""
    (source,) = (await stack.read.get("/v1/sources")).json()["items"]
    answer = await stack.read.patch(
        f"/v1/sources/{source['source_id']}", json={"settings": settings}
    )
    assert answer.status_code == 200, answer.text


async def dropped(stack: Stack, reason: str) -> float:
    """Events that were dropped so far."""
    name = f'stageline_ingest_events_dropped_total{{reason="{reason}"}} '
    page = (await stack.read.get("/metrics")).text
    return next(float(line[len(name) :]) for line in page.splitlines() if line.startswith(name))


async def tables_with(stack: Stack, text: str) -> set[str]:
    """Tables that hold `text` anywhere, the event log among them where it is in Postgres."""
    async with connected(stack.database_url) as owner:
        tables = await owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        holding = set()
        for (name,) in tables:
            rows = await owner.fetch(f'SELECT * FROM "{name}"')  # noqa: S608 - our own tables
            if any(text.encode() in repr(tuple(row.values())).lower().encode() for row in rows):
                holding.add(name)
        return holding


async def test_what_is_to_be_hashed_left_out_or_refused_never_reaches_the_log(stack: Stack) -> None:
    await stack.publish(MAP)
    await configured(
        stack,
        hash_fields=["email"],
        deny_properties=["properties.card"],
        allowed_origins=["https://shop.example"],
    )
    event = {
        **CART,
        "email": "Ann@canary.example",
        "properties": {"card": "4111", "note": "to ann@canary.example", "plan": "pro"},
        "context": {"ip": "203.0.113.9"},
    }

    async def is_bound() -> bool:
        return await sent(stack.write, VISIT) == (403, "origin_not_allowed")

    await eventually(is_bound)
    assert await sent(stack.write, event, Origin="https://shop.example") == (202, None)
    assert await sent(stack.write, ORDER, Origin="https://shop.example") == (
        422, "server_only_event",
    )  # fmt: skip
    assert await sent(stack.read, ORDER) == (202, None)
    stack.accepted = await _in_log(stack)
    await stack.settled()

    assert (await stack.stage(user_id="ann"))["stage"] == "bought"
    timeline = {each["event"]: each for each in await stack.timeline("user:ann")}
    properties = timeline["Product Added"]["properties"]
    assert properties["plan"] == "pro"
    assert properties["note"].startswith("to hmac1:")
    assert set(properties) == {"note", "plan"}
    assert await tables_with(stack, "canary") == set()
    assert await tables_with(stack, "203.0.113.9") == set()
    # A pseudonym names the same person as openly, for those who have it.
    pseudonym = properties["note"].removeprefix("to ")
    assert (await stack.stage(email=pseudonym))["stage"] == "bought"


async def test_a_suppressed_person_can_be_erased_afterwards(stack: Stack) -> None:
    await stack.publish(MAP)
    await stack.post([{**VISIT, "anonymous_id": "a-1"}])

    await request(stack, "/v1/people/anonymous:a-1:suppress", {"reason": "asked"})

    async def is_dropped() -> bool:
        assert await sent(stack.write, CART) == (202, None)
        return await dropped(stack, "suppressed") > 0

    # Until the list is read, what is sent counts.
    before = len(await stack.timeline("user:ann"))
    await eventually(is_dropped)
    stack.accepted = await _in_log(stack)
    await stack.settled()
    kept = await stack.timeline("user:ann")
    assert await sent(stack.write, CART) == (202, None)
    assert len(await stack.timeline("user:ann")) == len(kept) >= before

    await request(stack, "/v1/people/user:ann:erase", {"message_id": "request-17"})
    stack.accepted += 1
    await stack.settled()

    answer = await stack.read.get("/v1/stage", params={"user_id": "ann"})
    assert (answer.status_code, answer.json()["code"]) == (404, "subject_unknown")
    refused = await stack.read.post("/v1/people/user:ann:unsuppress", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "person_erased")
    assert (await stack.verified()).problems == []


async def test_a_person_is_not_let_in_again_while_their_erasure_is_under_way(stack: Stack) -> None:
    await stack.publish(MAP)
    await stack.post([{**VISIT, "email": "ann@shop.example"}])

    async def unsuppressed(name: str, **body: bool) -> tuple[int, str | None]:
        answer = await stack.read.post(f"/v1/people/{name}:unsuppress", json=body)
        return answer.status_code, answer.json().get("code")

    async with connected(stack.database_url) as owner, owner.transaction():
        # The stager cannot complete an erasure meanwhile.
        await owner.execute("LOCK TABLE erasure IN SHARE MODE")
        for name in ("user:ann", "user:never-seen"):
            await request(stack, f"/v1/people/{name}:erase")
        meanwhile = [
            await unsuppressed("user:ann"),
            await unsuppressed("user:ann", erased=True),
            await unsuppressed("email:ann@shop.example"),
            await unsuppressed("user:never-seen"),
            await unsuppressed("user:bob"),
        ]
    stack.accepted += 2
    await stack.settled()

    assert meanwhile == [(409, "erasure_under_way")] * 4 + [(200, None)]
    for name in ("user:ann", "email:ann@shop.example", "user:never-seen"):
        assert await unsuppressed(name) == (409, "person_erased")
        assert await unsuppressed(name, erased=True) == (200, None)


async def test_an_address_is_erased_in_whatever_case_it_was_sent(stack: Stack) -> None:
    await stack.publish(MAP)
    await stack.post(
        [
            {**VISIT, "user_id": "ANN@X.EXAMPLE"},
            {**CART, "user_id": "ann@x.example", "anonymous_id": "a-1"},
            {**VISIT, "email": "Ann@X.Example"},
            {**VISIT, "user_id": "omar@x.example"},
        ],
        by=stack.write,
    )
    await stack.settled()

    async def is_recorded() -> bool:
        return "source_event" in await tables_with(stack, "omar@x.example")

    # Written twice a second: what ingest still holds would be written after the erasure.
    await eventually(is_recorded)

    await request(stack, "/v1/people/user:ANN@X.EXAMPLE:erase", {"message_id": "request-18"})
    stack.accepted += 1
    await stack.settled()

    assert await tables_with(stack, "ann@x.example") <= {"log_record"}
    assert await tables_with(stack, "omar@x.example") > {"identifier", "touchpoint"}
    for name in ({"user_id": "ann@x.example"}, {"email": "ann@x.example"}, {"anonymous_id": "a-1"}):
        answer = await stack.read.get("/v1/stage", params=name)
        assert (answer.status_code, answer.json()["code"]) == (404, "subject_unknown")
    assert (await stack.verified()).problems == []


async def test_events_without_consent_change_nothing(stack: Stack) -> None:
    await stack.publish(MAP)
    await configured(stack, consent={"required": ["analytics"]})
    agreed = {"consent": {"categoryPreferences": {"analytics": True}}}

    async def is_asked_for() -> bool:
        assert await sent(stack.write, {**VISIT, "user_id": "bob"}) == (202, None)
        return await dropped(stack, "no_consent") > 0

    await eventually(is_asked_for)
    assert await sent(stack.write, CART) == (202, None)
    assert await sent(stack.write, {**VISIT, "context": agreed}) == (202, None)
    stack.accepted = await _in_log(stack)
    await stack.settled()

    assert (await stack.stage(user_id="ann"))["stage"] == "visit"


async def _in_log(stack: Stack) -> int:
    """Records that were acknowledged so far."""
    name = 'stageline_ingest_events_accepted_total{route="/v1/touchpoints"} '
    page = (await stack.read.get("/metrics")).text
    return int(
        next(float(line[len(name) :]) for line in page.splitlines() if line.startswith(name))
    )
