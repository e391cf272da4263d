"""Times whose clock is right keep their value."""

from datetime import datetime, timedelta

import pytest

from tests.acceptance.order.senders import Senders, Sent

WITH_SENT_AT = ("native", "ndjson", "segment", "rudder", "posthog")


async def occurred(senders: Senders, account: str) -> list[datetime]:
    timeline = await senders.stack.timeline(account)
    return [datetime.fromisoformat(each["occurred_at"]) for each in timeline[::-1]]


@pytest.mark.parametrize("seconds", [-4.9, -0.388, 0, 0.388, 4.9])
@pytest.mark.parametrize("way", WITH_SENT_AT)
async def test_a_request_that_takes_a_moment_moves_no_time(
    senders: Senders, account: str, way: str, seconds: float
) -> None:
    now = senders.stack.clock.now()
    noon = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=101)

    await senders.send(
        way,
        account,
        [Sent(event="Trial Started", message_id=f"{account}-1", at=noon)],
        sent_at=now - timedelta(seconds=seconds),
    )

    assert await occurred(senders, account) == [noon]


@pytest.mark.parametrize("minutes", [-7, 7])
@pytest.mark.parametrize("way", WITH_SENT_AT)
async def test_a_clock_that_is_wrong_is_corrected(
    senders: Senders, account: str, way: str, minutes: int
) -> None:
    now, wrong = senders.stack.clock.now(), timedelta(minutes=minutes)
    at = now - timedelta(days=1)

    await senders.send(
        way,
        account,
        [Sent(event="Trial Started", message_id=f"{account}-1", at=at + wrong)],
        sent_at=now + wrong,
    )

    assert await occurred(senders, account) == [at]


SDKS = ("segment", "rudder", "posthog")
SHOWN = {
    "Persian": "1404-12-10T{}Z",
    "Persian, with a day that our month lacks": "1405-02-31T{}Z",
    "Islamic": "1447-09-12T{}Z",
    "Japanese": "0008-03-01T{}Z",
    "Minguo": "0115-03-01T{}Z",
    "Buddhist": "2569-03-01T{}Z",
    "reset": "1970-01-01T{}Z",
}
ARABIC = str.maketrans("0123456789", "\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669")


def shown(calendar: str, time: str) -> str:
    return SHOWN[calendar].format(time)


@pytest.mark.parametrize("calendar", SHOWN)
@pytest.mark.parametrize("way", SDKS)
async def test_two_readings_of_one_clock_tell_the_time_in_any_calendar_and_digits(
    senders: Senders, account: str, way: str, calendar: str
) -> None:
    read, sent = shown(calendar, "08:30:00"), shown(calendar, "08:31:30")

    for name, digits in (("1", {}), ("2", ARABIC)):
        await senders.send(
            way,
            account,
            [
                Sent(
                    event="Trial Started", message_id=f"{account}-{name}", at=read.translate(digits)
                )
            ],
            sent_at=sent.translate(digits),
        )

    ago = senders.stack.clock.now() - timedelta(seconds=90)
    assert await occurred(senders, account) == [ago, ago]


@pytest.mark.parametrize("calendar", SHOWN)
@pytest.mark.parametrize("way", SDKS)
async def test_without_a_time_of_sending_the_arrival_counts_and_the_answer_says_so(
    senders: Senders, account: str, way: str, calendar: str
) -> None:
    one = Sent(event="Trial Started", message_id=f"{account}-1", at=shown(calendar, "00:03:00"))

    remarks = await senders.send(way, account, [one])

    assert await occurred(senders, account) == [senders.stack.clock.now()]
    if way != "rudder":  # a beacon is answered with success alone
        assert [(each["index"], each["code"]) for each in remarks] == [(0, "replaced_time")]


@pytest.mark.parametrize("at", ["1970-01-01T00:03:00Z", "1405-01-05T09:00:00Z"])
async def test_a_time_that_cannot_be_is_refused_of_a_server(
    senders: Senders, account: str, at: str
) -> None:
    answer = await senders.stack.read.post(
        "/v1/touchpoints", json={"event": "Trial Started", "account_id": account, "occurred_at": at}
    )

    assert answer.status_code == 422
    assert [each["code"] for each in answer.json()["rejected"]] == ["invalid_occurred_at"]
