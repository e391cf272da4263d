"""A1: Leah, from a post on a social network to more seats nine months after the contract."""

from datetime import UTC, datetime

from shared.maps import templates
from tests.acceptance.stories import event, live, path
from tests.support.services import Stack

ANONYMOUS = {"anonymous_id": "browser-7"}
SIGNED_UP = {"user_id": "leah", "email": "leah@acme.example"}
AT_ACME = {**SIGNED_UP, "account_id": "acme"}


def at(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2025, month, day, hour, minute, tzinfo=UTC)


STORY = [
    event("LinkedIn Post Viewed", at(1, 6, 9), "leah-1", channel="social", **ANONYMOUS),
    event("Guide Downloaded", at(1, 8, 10), "leah-2", channel="website", **ANONYMOUS),
    event("Webinar Attended", at(1, 15, 15), "leah-3", channel="webinar", **ANONYMOUS, **SIGNED_UP),
    event("Discovery Call Booked", at(1, 20, 11), "leah-4", channel="phone", **AT_ACME),
    event("Proposal Signed", at(2, 3, 16, 30), "leah-5", channel="sales", **AT_ACME),
    event("Team Onboarded", at(2, 10, 9), "leah-6", channel="product", **AT_ACME),
    event("Seats Added", at(11, 10, 9), "leah-7", channel="product", **AT_ACME),
]

DAY, HOUR = 86_400, 3_600


async def test_leahs_seven_steps_come_out_in_order_with_exact_times_in_stage(stack: Stack) -> None:
    await stack.publish(templates.read("b2b-jtbd-7"))

    await live(stack, STORY)

    history = await stack.history("acme")
    assert [
        (item["to_stage"] or item["outcome"], item["dwell_seconds"], item["cause"]["event"])
        for item in history
    ] == [
        ("trigger", None, "LinkedIn Post Viewed"),
        ("research", 2 * DAY + 1 * HOUR, "Guide Downloaded"),
        ("consideration", 7 * DAY + 5 * HOUR, "Webinar Attended"),
        ("evaluation", 4 * DAY + 20 * HOUR, "Discovery Call Booked"),
        ("purchase", 14 * DAY + 5.5 * HOUR, "Proposal Signed"),
        ("onboarding", 6 * DAY + 16.5 * HOUR, "Team Onboarded"),
        ("expansion_or_renewal", 273 * DAY, "Seats Added"),
        ("expanded", 0, "Seats Added"),
    ]
    assert {item["map_version"] for item in history} == {1}
    assert [item["rule"] for item in history][3] == "stages.evaluation.enter"


async def test_each_stage_comes_with_its_job(stack: Stack) -> None:
    await stack.publish(templates.read("b2b-jtbd-7"))
    jobs: list[tuple[str, str]] = []

    for each, name in zip(
        STORY, [{"anonymous_id": "browser-7"}] * 3 + [{"account_id": "acme"}] * 4, strict=True
    ):
        await live(stack, [each])
        stage = await stack.stage(**name)
        jobs.append((stage["stage"], stage["job"]))

    assert jobs == [
        ("trigger", "notice that the present way no longer works"),
        ("research", "learn what kinds of solutions exist"),
        ("consideration", "shortlist the ways that could work for us"),
        ("evaluation", "prove ROI to the CFO"),
        ("purchase", "get the contract through without surprises"),
        ("onboarding", "get first team members live"),
        ("expansion_or_renewal", "get more out of what already works, or decide to go on"),
    ]


async def test_every_name_that_leah_was_known_by_leads_to_her_account(stack: Stack) -> None:
    await stack.publish(templates.read("b2b-jtbd-7"))

    await live(stack, STORY)

    names = [
        {"account_id": "acme"},
        {"user_id": "leah"},
        {"email": "LEAH@acme.example"},
        {"anonymous_id": "browser-7"},
    ]
    stages = [await stack.stage(**name) for name in names]
    assert [(stage["account_id"], stage["outcome"]) for stage in stages] == [
        ("acme", "expanded")
    ] * 4


async def test_the_upgrade_is_an_outcome_nine_months_after_onboarding(stack: Stack) -> None:
    await stack.publish(templates.read("b2b-jtbd-7"))

    await live(stack, STORY)

    stage = await stack.stage(account_id="acme")
    assert (stage["stage"], stage["status"], stage["outcome"], stage["entered_at"]) == (
        "expansion_or_renewal",
        "ended",
        "expanded",
        "2025-11-10T09:00:00Z",
    )
    assert await stack.alerts() == []
    assert (await stack.verified()).problems == []
    assert path(await stack.history("acme"))[-1] == ("expansion_or_renewal", "expanded")
