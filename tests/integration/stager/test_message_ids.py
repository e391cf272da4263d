"""Duplicates that say something else are counted and noted; retries across the upgrade count once."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from services.stager.jobs.retention import Retention
from services.stager.settings import StagerSettings
from shared.contracts.envelope import Envelope
from shared.eventlog.factory import ensure_topics
from tests.integration.stager.erasure_checks import erase
from tests.integration.stager.world import SALES, START, World, world
from tests.support.database import connected

NOTED = "SELECT message_id, received_at, source FROM conflicting_event ORDER BY 1, 2"


def order(w: World, message_id: str, name: str = "Order Placed", **fields: Any) -> Envelope:
    return w.event(
        name, 1, message_id=message_id, **{"account_id": "acme", "source": "src_app", **fields}
    )


async def was_there_before(w: World) -> None:
    """Make the workspace one that is older than the scopes of message ids."""
    async with connected(w.url) as owner:
        await owner.execute("UPDATE workspace SET has_bare_ids = true")


async def other_content(w: World, *events: Envelope) -> list[int]:
    return [each.with_other_content for each in await w.send(*events)]


async def test_another_event_with_the_same_id_is_counted_and_noted(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        later = START + timedelta(days=2)
        assert await other_content(w, order(w, "~w.a/1"), order(w, "~w.a/2")) == [0]

        other = order(w, "~w.a/1", "Demo Requested", received_at=later)
        assert await other_content(w, other, order(w, "~w.a/2", value=9.0)) == [2]

        assert await w.verdicts() == (2, 2, 0)
        assert [row[0] for row in await w.rows(NOTED)] == ["~w.a/1", "~w.a/2"]
        assert (await w.rows(NOTED))[0] == ("~w.a/1", later, "src_app")


async def test_two_events_with_one_id_in_one_batch_are_compared_too(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        noise, paid = order(w, "~w.a/1", "Noise"), order(w, "~w.a/1", "Invoice Paid", value=9.0)
        assert await other_content(w, noise, paid, noise) == [1]

        assert await w.rows("SELECT envelope->>'event' FROM touchpoint") == [("Noise",)]


async def test_a_repeated_event_is_no_other_content(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        first = order(w, "~w.a/1")
        retried = order(
            w, "~w.a/1", received_at=START + timedelta(days=3), context={"ip": "1.1.1.0"}
        )

        assert await other_content(w, first) == [0]
        assert await other_content(w, first, retried) == [0]
        assert await w.rows(NOTED) == []
        assert await w.verdicts() == (1, 2, 0)


async def test_a_replay_notes_no_duplicate_twice(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        log = [order(w, "~w.a/1"), order(w, "~w.a/1", "Noise", received_at=START)]
        await w.send(*log)
        await w.send(*log)

        assert len(await w.rows(NOTED)) == 1
        assert await w.verdicts() == (1, 3, 0)


async def test_a_duplicate_that_took_part_in_linking_is_compared_too(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Seen", 1, message_id="~w.a/1", anonymous_id="phone"))
        other = w.event("Signed In", 2, message_id="~w.a/1", anonymous_id="phone", user_id="leah")

        assert await other_content(w, other) == [1]
        assert await w.verdicts() == (1, 1, 0)


async def test_notes_go_with_the_person_and_with_their_age(database_url: str) -> None:
    settings = StagerSettings(
        database_url=SecretStr(database_url), partitions=1, stager_outbox_days=30
    )
    await ensure_topics(settings)
    async with world(database_url, SALES) as w:
        for person in ("leah", "omar"):
            event = order(w, f"~w.a/{person}", user_id=person)
            await w.send(event, order(w, event.message_id, "Noise", user_id=person))
        await w.send(erase(w, user_id="leah"))
        assert [row[0] for row in await w.rows(NOTED)] == ["~w.a/omar"]

        retention = Retention(pool=w.pool, clock=w.clock, settings=settings)
        await retention.once()
        assert len(await w.rows(NOTED)) == 1
        w.clock.advance(timedelta(days=32))
        await retention.once()
        assert await w.rows(NOTED) == []


@pytest.mark.parametrize("has_bare_ids", [True, False])
async def test_what_was_stored_under_a_bare_id_counts_once_for_its_sender(
    database_url: str, *, has_bare_ids: bool
) -> None:
    async with world(database_url, SALES) as w:
        if has_bare_ids:
            await was_there_before(w)
        await w.send(order(w, "1001"), order(w, "1002"))
        retried = order(w, "~w.app/1001", received_at=START + timedelta(days=3))
        await w.send(retried)

        assert await w.verdicts() == ((2, 1, 0) if has_bare_ids else (3, 0, 0))


@pytest.mark.parametrize(
    "other",
    [{"source": "src_web"}, {"name": "Noise"}, {"account_id": "globex"}, {"user_id": "leah"}],
    ids=lambda other: next(iter(other)),
)
async def test_a_bare_id_of_another_sender_or_event_takes_nobodys_place(
    database_url: str, other: dict[str, str]
) -> None:
    async with world(database_url, SALES) as w:
        await was_there_before(w)
        await w.send(order(w, "1001", **other))
        await w.send(order(w, "~w.app/1001"))

        assert await w.verdicts() == (2, 0, 0)


async def test_a_log_that_holds_both_forms_is_replayed_to_the_same_history(
    database_url: str,
) -> None:
    async with world(database_url, SALES) as w:
        await was_there_before(w)
        log = [order(w, "1001"), order(w, "~w.app/1001"), order(w, "~w.app/1002")]
        await w.send(*log)
        assert await w.verdicts() == (2, 1, 0)
        await w.send(*log)

        assert await w.verdicts() == (2, 4, 0)
        assert await w.rows("SELECT message_id FROM touchpoint ORDER BY 1") == [
            ("1001",),
            ("~w.app/1002",),
        ]


async def test_an_unmapped_item_that_waits_under_a_bare_id_is_not_kept_twice(
    database_url: str,
) -> None:
    async with world(database_url, SALES) as w:
        await was_there_before(w)

        def item(message_id: str, source: str = "src_1") -> Envelope:
            return w.event("x", type="unmapped", message_id=message_id, source=source)

        await w.send(item("hubspot:1"), item("hubspot:2"))
        await w.pool.execute(
            "UPDATE dead_letter SET replayed_at = now() WHERE message_id LIKE '%2'"
        )
        await w.send(order(w, "hubspot:2", source="src_1"))
        await w.send(
            item("~s.1/hubspot:1"), item("~s.1/hubspot:2"), item("~s.2/hubspot:1", source="src_2")
        )

        assert await w.verdicts() == (1, 2, 3)
