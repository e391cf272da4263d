"""Each server SDK, unmodified, sends a whole story: every event applied once, to whom and when."""

from datetime import timedelta
from uuid import uuid4

import pytest

from shared.clock import SystemClock
from tests.compat.sdks import ALL, POSTHOG_V1, Sdk, play
from tests.compat.service import Service
from tests.compat.stories import story

_TOLERANCE = timedelta(seconds=3)
"""The way through the network, on a machine with other things to do."""

CLOCKS = {"right clock": 0, "two hours slow": -7_200, "a day fast": 86_400}

# One wrong clock is enough to see where the newest call of two SDKs has its time.
CASES = [
    *((sdk, clock) for sdk in ALL for clock in CLOCKS),
    *((sdk, "two hours slow") for sdk in POSTHOG_V1),
]


@pytest.mark.parametrize(
    ("sdk", "clock_seconds"),
    [pytest.param(sdk, CLOCKS[clock], id=f"{clock}-{sdk.name}") for sdk, clock in CASES],
    indirect=["sdk"],
)
async def test_every_event_is_applied_once_to_the_right_person_at_the_right_time(
    sdk: Sdk, clock_seconds: int, service: Service
) -> None:
    run = f"run{uuid4().hex}"
    dated_at = SystemClock().now() - timedelta(days=3)
    # A program that takes this from its clock is as wrong as the SDK is.
    shift = timedelta(seconds=0 if sdk.tells_given_times else clock_seconds)
    script = story(sdk, run, dated_at + shift)

    played = await play(
        sdk,
        script.calls,
        host=service.url,
        write_key=service.write_key,
        clock_seconds=clock_seconds,
    )
    applied = await service.applied_at_least(len(script.expected), run)

    assert played.errors == []
    assert {each.person for each in applied} == {script.person}
    assert {each.subject for each in applied} == {script.account}
    tolerance = service.pace.leeway(_TOLERANCE, since=played.called_at[0][0])
    left = list(applied)
    for number, expected in enumerate(script.expected):
        stored = next((each for each in left if expected.matches(each.envelope)), None)
        assert stored is not None, (expected, left)
        left.remove(stored)
        if expected.event == script.dated:
            late = stored.occurred_at - dated_at
        else:
            late = played.lateness(number, stored.occurred_at)
        assert abs(late) < tolerance, stored
    assert left == []
