"""What the stager clears away, and what it must not."""

from datetime import timedelta

from pydantic import SecretStr

from services.stager.jobs.retention import Retention
from services.stager.settings import StagerSettings
from shared.contracts.topics import DEAD_LETTERS, TOUCHPOINTS
from shared.eventlog.factory import ensure_topics, open_writer
from shared.eventlog.port import NewRecord
from tests.integration.stager.world import SALES, world
from tests.support.database import connected


def settings_for(url: str) -> StagerSettings:
    return StagerSettings(
        database_url=SecretStr(url), partitions=1, stager_log_days=7, stager_outbox_days=30
    )


async def fill(settings: StagerSettings, topic: str, records: int, *, days_old: int) -> None:
    writer = open_writer(settings, topic)
    await writer.start()
    await writer.append([NewRecord(key=b"k", value=b"v") for _ in range(records)])
    await writer.stop()
    async with connected(settings.database_url.get_secret_value()) as connection:
        await connection.execute(
            "UPDATE log_record SET appended_at = now() - $2 * interval '1 day' WHERE topic = $1",
            topic,
            days_old,
        )


async def test_stored_records_go_after_their_days_and_unread_ones_stay(database_url: str) -> None:
    settings = settings_for(database_url)
    await ensure_topics(settings)
    async with world(database_url, SALES) as stager:
        await stager.send(*(stager.event("Pricing Viewed", account_id="acme") for _ in range(3)))
        await fill(settings, TOUCHPOINTS, 5, days_old=8)

        while await Retention(pool=stager.pool, clock=stager.clock, settings=settings).once():
            pass

        kept = await stager.rows(
            "SELECT record_offset FROM log_record WHERE topic = $1 ORDER BY 1", TOUCHPOINTS
        )
    assert kept == [(3,), (4,)]


async def test_young_records_stay_and_old_dead_letters_leave_their_topic(database_url: str) -> None:
    settings = settings_for(database_url)
    await ensure_topics(settings)
    async with world(database_url, SALES) as stager:
        await stager.send(stager.event("Pricing Viewed", account_id="acme"))
        await fill(settings, TOUCHPOINTS, 1, days_old=6)
        await fill(settings, DEAD_LETTERS, 2, days_old=8)

        while await Retention(pool=stager.pool, clock=stager.clock, settings=settings).once():
            pass

        kept = await stager.rows("SELECT topic, count(*) FROM log_record GROUP BY 1")
    assert kept == [(TOUCHPOINTS, 1)]


async def test_notices_go_after_their_days_and_history_stays(database_url: str) -> None:
    settings = settings_for(database_url)
    async with world(database_url, SALES) as stager:
        await stager.send(stager.event("Demo Requested", account_id="acme"))
        before = await stager.rows("SELECT count(*) FROM outbox")
        stager.clock.advance(timedelta(days=31))

        await Retention(pool=stager.pool, clock=stager.clock, settings=settings).once()

        after = await stager.rows("SELECT (SELECT count(*) FROM outbox), count(*) FROM transition")
    assert (before, after) == ([(1,)], [(0, 1)])
