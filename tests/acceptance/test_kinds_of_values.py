"""Case P13: rules on numbers, truth and dates count text that is exactly one, and say where it is none."""

from typing import Any

from tests.acceptance.conftest import START
from tests.acceptance.stories import event
from tests.support.services import Stack

MAP = """
journey: cases
title: Cases
subject: account
stages:
  - {key: lead, title: Lead}
  - {key: trial, title: Trial, enter: {event: Trial Started, where: {seats: {gte: 5}}}}
  - {key: paying, title: Paying, enter: {event: Invoice Sent, where: {paid: true}}}
  - {key: large, title: Large, enter: {trait: {of: account, name: numberofemployees, gte: 100}}}
  - {key: closed, title: Closed, enter: {event: Deal Updated, where: {closedate: {gte: "2025-01-01"}}}}
"""


CASES: dict[str, tuple[str, dict[str, Any], str]] = {
    "csv": ("Trial Started", {"properties": {"seats": "40"}}, "trial"),
    "json": ("Trial Started", {"properties": {"seats": 40}}, "trial"),
    "truth": ("Invoice Sent", {"properties": {"paid": "true"}}, "paying"),
    "crm": ("Company Updated", {"account_traits": {"numberofemployees": "120"}}, "large"),
    "hubspot": ("Deal Updated", {"properties": {"closedate": "1736150400000"}}, "closed"),
    "few": ("Trial Started", {"properties": {"seats": "4"}}, "lead"),
    "early": ("Deal Updated", {"properties": {"closedate": "1700000000000"}}, "lead"),
    "words": ("Trial Started", {"properties": {"seats": "40 seats"}}, "lead"),
}
"""Account to its event and the stage that it is in then."""


async def test_a_rule_counts_text_that_is_exactly_what_it_asks_for(stack: Stack) -> None:
    await stack.publish(MAP)

    await stack.post(
        [
            event(name, START, f"m-{account}", account_id=account, **fields)
            for account, (name, fields, _) in CASES.items()
        ]
    )

    stages = {each: (await stack.stage(account_id=each))["stage"] for each in CASES}
    assert stages == {account: stage for account, (*_, stage) in CASES.items()}


async def test_an_explanation_says_where_a_kind_stands_in_the_way(stack: Stack) -> None:
    await stack.publish(MAP)
    await stack.post(
        [
            event(
                "Trial Started", START, "m-1", account_id="acme",
                properties={"seats": "40 seats"}, account_traits={"numberofemployees": "1.200"},
            ),
            event("Invoice Sent", START, "m-2", account_id="acme", properties={"paid": "yes"}),
        ]
    )  # fmt: skip

    answer = await stack.read.get("/v1/accounts/acme/explain")
    missing = {
        each["rule"]: each["condition"]["satisfied_by"] for each in answer.json()["reachable"]
    }

    assert missing["stages.trial.enter"] == (
        "Trial Started where seats is at least 5 (seats is “40 seats”, which is no number)"
    )
    assert missing["stages.paying.enter"].endswith("(paid is “yes”, which is no truth value)")
    assert missing["stages.closed.enter"] == "Deal Updated where closedate is at least “2025-01-01”"
