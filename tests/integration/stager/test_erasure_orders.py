"""An erased person is gone whatever the order of records, the number of stagers, or a replay of the log."""

import asyncio
from random import Random
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from shared.contracts.envelope import Envelope
from shared.eventlog.factory import ensure_topics
from tests.integration.stager.erasure_checks import erase, erased_records, holds, is_sound
from tests.integration.stager.test_identity import _batches
from tests.integration.stager.test_process import append, running, settings_of, wait_for
from tests.integration.stager.world import HABIT, SALES, START, snapshot, story, wipe, world
from tests.support.database import connected
from tests.support.eventually import eventually


async def test_another_stager_with_the_person_in_its_cache_does_not_bring_them_back(
    database_url: str,
) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Blog Read", 0, user_id="leah", account_id="acme"))
        other = w.another_stager()
        mine, w.stager = w.stager, other
        await w.send(erase(w, user_id="leah"))
        w.stager = mine
        done = await w.send(
            w.event("Blog Read", 1, user_id="leah"),
            w.event("Blog Read", 1, user_id="leah", account_id="acme"),
            w.event("Blog Read", 1, user_id="omar", account_id="acme"),
        )

        assert (done[0].applied, done[0].erased) == (1, 2)
        await is_sound(w)


async def test_concurrent_requests_and_events_leave_no_erased_person_behind(
    database_url: str,
) -> None:
    async with world(database_url, SALES) as w:
        stagers = [w.another_stager(f"s{n}").writer for n in range(3)]

        async def feed(number: int) -> None:
            random = Random(number)  # noqa: S311 - chance that can be repeated
            positions: dict[int, int] = {}
            for _ in range(25):
                events = [
                    w.event(
                        "Blog Read",
                        random.randrange(9),
                        user_id=f"u{random.randrange(6)}",
                        account_id=random.choice(["acme", "beta"]),
                    )
                    for _ in range(3)
                ]
                if random.random() < 0.15:
                    events.insert(1, erase(w, user_id=f"u{random.randrange(3)}"))
                records = w.decoded(events, number, positions)
                for each in await stagers[number].store(records, positions):
                    positions.update(each.next_offsets)

        with capture_logs() as logs:
            await asyncio.gather(*(feed(number) for number in range(3)))

        # A batch that lost three times keeps the others out: none has to hope for the twentieth time.
        attempts = [each["attempt"] for each in logs if each["event"] == "batch_conflict"]
        assert 1 <= max(attempts) <= 3
        assert (await erased_records(w))[0] > 5
        await is_sound(w)


@pytest.mark.parametrize("seed", range(12))
async def test_any_order_erases_the_same_people(database_url: str, seed: int) -> None:
    random = Random(seed)  # noqa: S311 - chance that can be repeated
    async with world(database_url, SALES, HABIT) as w:
        # Each person has devices of its own: on a shared one the order decides who is erased.
        events = [_with_a_device_of_its_own(event) for event in story(w, random, 14)]
        events += [erase(w, random.randrange(12), user_id="u1")]
        if random.random() < 0.5:
            events += [erase(w, random.randrange(12), email="b@x.io")]
        expected: dict[str, list[tuple[Any, ...]]] | None = None
        for attempt in range(5):
            arrival = [*events, *random.sample(events, 3)]
            if attempt:
                random.shuffle(arrival)
            await wipe(w)
            for batch in _batches(arrival, random):
                await w.send(*batch)
            rows_now = await snapshot(w)
            assert await holds(w, "u1") == []
            await is_sound(w)
            expected = expected or rows_now
            for name, rows in expected.items():
                assert rows_now[name] == rows, name


def _with_a_device_of_its_own(event: Envelope) -> Envelope:
    """No name of a person is put beside two stronger ones."""
    if event.type == "merge":
        return event
    user = event.user_id
    email = f"mail-of-{user}" if user and event.email else event.email
    owner = user or email
    device = f"{event.anonymous_id}-of-{owner}" if owner and event.anonymous_id else None
    return msgspec.structs.replace(
        event,
        email=email,
        anonymous_id=device or (None if owner else event.anonymous_id),
        previous_id=None,
    )


async def test_erase_then_replay_the_whole_log_and_the_person_is_still_absent(
    database_url: str,
) -> None:
    settings = settings_of(database_url)
    async with world(database_url, SALES, HABIT) as w:
        await ensure_topics(settings)
        random = Random(7)  # noqa: S311 - chance that can be repeated
        events = [_with_a_device_of_its_own(event) for event in story(w, random, 200)]
        await append(settings, *events)
        total = len(events)
        async with running(settings):
            await wait_for(w, (total, 0, 0))
        await append(settings, erase(w, user_id="u1"))

        async def is_erased() -> bool:
            return (await erased_records(w))[0] == 1

        async with running(settings):
            await eventually(is_erased, within=60)
        assert await holds(w, "u1") == []
        before = await snapshot(w)
        await is_sound(w)

        # As after a restore of nothing but the log and the list of people to leave alone.
        async with connected(w.url) as owner:
            for table in (
                "identifier", "identity_statement", "member", "subject", "placement", "touchpoint",
                "transition", "deadline", "alert", "outbox", "consumer_offset", "erasure",
                "subject_snapshot",
            ):  # fmt: skip
                await owner.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names

        async def is_read() -> bool:
            rows = await w.rows("SELECT coalesce(sum(next_offset), 0) FROM consumer_offset")
            return int(rows[0][0]) == total + 1

        async with running(settings):
            await eventually(is_read, within=60)

        assert await holds(w, "u1") == []
        assert await snapshot(w) == before
        assert (await erased_records(w))[1] == 0
        await is_sound(w)
        assert w.clock.now() == START
