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
