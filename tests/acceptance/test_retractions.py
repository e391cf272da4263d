"""An operator takes back what should never have been sent: one touchpoint, or all of a mistyped import."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx

from shared.maps import templates
from tests.acceptance.conftest import START
from tests.acceptance.stories import event
from tests.support.eventually import eventually
from tests.support.services import Stack

WHY = {"reason": "typed the wrong account"}


async def take_back(stack: Stack, path: str, **parameters: str) -> dict[str, Any]:
    answer = await stack.read.delete(path, params={**WHY, **parameters})
    assert answer.status_code == 202, answer.text
    accepted: dict[str, Any] = answer.json()
    stack.accepted += len(accepted["message_ids"])
    await stack.settled()
    return accepted


async def stage_of(stack: Stack, account: str) -> str | None:
    answer = await stack.read.get("/v1/stage", params={"account_id": account})
    return answer.json()["stage"] if answer.status_code == httpx.codes.OK else None


async def events_of(stack: Stack, account: str) -> list[str]:
    answer = await stack.read.get(f"/v1/accounts/{account}/timeline")
    return [each["message_id"] for each in answer.json().get("items", [])]


async def test_a_touchpoint_that_was_retracted_is_gone_from_every_answer(stack: Stack) -> None:
    await stack.publish(templates.read("b2b-core-5"))
    demo = event("Demo Requested", START, "1/demo", account_id="acme", user_id="leah")
    signed = event("Contract Signed", START, "1/signed", account_id="acme", user_id="leah")
    await stack.post([demo])
    before = await stage_of(stack, "acme")
    await stack.post([signed])
    assert await stage_of(stack, "acme") != before

    await take_back(stack, f"/v1/touchpoints/{quote('1/signed', safe='')}")

    assert await stage_of(stack, "acme") == before
    assert await events_of(stack, "acme") == ["1/demo"]
    report = await stack.verified()
    assert report.problems == []
    # Sent again, and after a restart: it stays away.
    await stack.post([signed])
    await stack.restart()
    await stack.post([signed])
    assert await stage_of(stack, "acme") == before
    assert (await stack.verified()).problems == []


async def test_the_last_touchpoint_takes_its_account_and_person_along(stack: Stack) -> None:
    await stack.publish(templates.read("b2b-core-5"))
    await stack.post([event("Demo Requested", START, "m-1", account_id="typo", user_id="leah")])

    await take_back(stack, "/v1/touchpoints/m-1")

    for path in ("/v1/accounts/typo", "/v1/people/user:leah"):
        assert (await stack.read.get(path)).status_code == httpx.codes.NOT_FOUND
    again = await stack.read.delete("/v1/touchpoints/m-1", params=WHY)
    assert (again.status_code, again.json()["code"]) == (404, "touchpoint_unknown")


async def test_an_import_is_retracted_and_imported_again(stack: Stack) -> None:
    await stack.publish(templates.read("b2b-core-5"))
    rows = [
        event(
            "Contract Signed", START - timedelta(days=day), f"r-{account}-{day}", account_id=account
        )
        for account in ("a1", "a2", "a3")
        for day in (1, 2)
    ]
    await stack.post([{**row, "import_id": "wrong"} for row in rows])
    assert await stage_of(stack, "a1") is not None

    await take_back(stack, "/v1/imports/wrong")

    (item,) = (await stack.read.get("/v1/imports")).json()["items"]
    assert (item["import_id"], item["touchpoints"]) == ("wrong", 0)
    assert item["retraction"]["retracted"] == 6
    assert item["retraction"]["reason"] == WHY["reason"]
    assert await stage_of(stack, "a1") is None
    await stack.post([{**row, "import_id": "wrong"} for row in rows])
    assert await stage_of(stack, "a1") is None
    await stack.post([{**row, "import_id": "right"} for row in rows])
    assert await stage_of(stack, "a1") is not None
    report = await stack.verified()
    assert (report.touchpoints, report.problems) == (6, [])


async def test_the_live_view_says_what_was_retracted(stack: Stack) -> None:
    await stack.post([event("Blog Read", START, "m-1", account_id="acme")])
    await stack.post([{**event("Blog Read", START, "m-2", account_id="acme"), "import_id": "i-1"}])
    await take_back(stack, "/v1/touchpoints/m-1")
    await take_back(stack, "/v1/imports/i-1")

    async def states() -> dict[str, str]:
        items = (await stack.read.get("/v1/sources/none/events")).json()["items"]
        return {each["message_id"]: each["became"]["state"] for each in items}

    async def are_final() -> bool:
        return {"m-1": "retracted", "m-2": "retracted"}.items() <= (await states()).items()

    await eventually(are_final, within=30)
    assert "pending" not in (await states()).values()


async def test_a_write_key_takes_nothing_back(stack: Stack) -> None:
    await stack.post([event("Blog Read", START, "m-1", account_id="acme")])

    answer = await stack.write.delete("/v1/touchpoints/m-1", params=WHY)

    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert await events_of(stack, "acme") == ["m-1"]
