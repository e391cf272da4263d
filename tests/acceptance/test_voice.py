"""What customers say and what reps log stands in one timeline, in the order in which it happened."""

from datetime import UTC, datetime

from shared.maps import templates
from tests.acceptance.stories import event
from tests.support.services import Stack

LEAH = {"account_id": "acme", "user_id": "leah"}


def on(day: int, hour: int = 9) -> datetime:
    return datetime(2024, 11, day, hour, tzinfo=UTC)


EVENTS = [
    event("Demo Requested", on(4), "v-1", channel="website", **LEAH),
    event(
        "Call Logged", on(5), "v-2", channel="phone", logged_by="sam",
        thought="Security will block this.", question="Where is our data kept?", **LEAH,
    ),
    event(
        "Budget Approved", on(7), "v-3", channel="meeting", internal=True, logged_by="sam",
        account_id="acme",
    ),
    event("Survey Answered", on(8), "v-4", channel="email", survey="nps", score=9, **LEAH),
    event(
        "Ticket Opened", on(9), "v-5", channel="support", friction="Unclear Pricing",
        emotion="Frustrated", sentiment=2, **LEAH,
    ),
]  # fmt: skip


async def test_surveys_notes_tickets_and_logged_calls_stand_in_one_timeline(stack: Stack) -> None:
    await stack.publish(templates.read("b2b-jtbd-7"))
    # Logged in arrears, in no order.
    await stack.post([EVENTS[3], EVENTS[1], EVENTS[4], EVENTS[0], EVENTS[2]])

    timeline = await stack.timeline("acme")

    items = {each["message_id"]: each for each in timeline}
    by_time = sorted(timeline, key=lambda each: each["occurred_at"])
    assert [each["event"] for each in by_time] == [each["event"] for each in EVENTS]
    assert (items["v-2"]["logged_by"], items["v-2"]["thought"], items["v-2"]["question"]) == (
        "sam",
        "Security will block this.",
        "Where is our data kept?",
    )
    assert (items["v-3"]["internal"], items["v-3"]["person_id"]) == (True, None)
    assert (items["v-4"]["survey"], items["v-4"]["score"], items["v-4"]["sentiment"]) == (
        "nps",
        9,
        4,
    )
    assert (items["v-5"]["friction"], items["v-5"]["emotion"]) == ("unclear pricing", "frustrated")
    # Two days without a sign before the budget was approved out of sight.
    assert items["v-3"]["silence_seconds"] == 2 * 86_400
    assert items["v-1"]["silence_seconds"] is None
