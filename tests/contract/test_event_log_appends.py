"""What both event logs promise of appends: many at once, large ones, some under way at the stop."""

import asyncio

import pytest

from shared.errors import LogUnavailable
from shared.eventlog.port import NewRecord
from tests.contract.event_log_harness import (
    EventLogHarness,
    StoredOffsets,
    numbered,
    outcome,
    read,
)


async def test_many_small_appends_at_once_all_arrive(event_log: EventLogHarness) -> None:
    writer = await event_log.open_writer()

    async with asyncio.TaskGroup() as tasks:
        for record in numbered(500):
            tasks.create_task(writer.append([record]))

    reader = await event_log.open_reader(StoredOffsets().load)
    values = [record.value for record in await read(reader, 500)]
    assert sorted(values, key=lambda value: int(value or b"-1")) == [b"%d" % n for n in range(500)]


async def test_many_senders_that_append_again_and_again_lose_nothing_and_keep_their_order(
    event_log: EventLogHarness,
) -> None:
    writer = await event_log.open_writer(timeout_seconds=30)
    senders, turns, size = 16, 12, 25

    async def send(sender: int) -> None:
        for turn in range(turns):
            numbers = range(turn * size, (turn + 1) * size)
            key = b"sender-%d" % sender
            # Half a kilobyte each: more than one batch holds, where the log makes any.
            await writer.append([NewRecord(key=key, value=b"%0500d" % n) for n in numbers])

    async with asyncio.TaskGroup() as tasks:
        for sender in range(senders):
            tasks.create_task(send(sender))

    reader = await event_log.open_reader(StoredOffsets().load)
    records = await read(reader, senders * turns * size)
    for sender in range(senders):
        values = [record.value for record in records if record.key == b"sender-%d" % sender]
        assert values == [b"%0500d" % n for n in range(turns * size)]


async def test_one_append_of_more_than_a_batch_holds_arrives_in_order(
    event_log: EventLogHarness,
) -> None:
    writer = await event_log.open_writer(timeout_seconds=30)
    values = [b"%09000d" % n for n in range(100)]
    await writer.append([NewRecord(key=b"k", value=value) for value in values])

    reader = await event_log.open_reader(StoredOffsets().load)
    assert [record.value for record in await read(reader, 100)] == values


async def test_appends_under_way_are_flushed_when_the_writer_stops(
    event_log: EventLogHarness,
) -> None:
    writer = event_log.writer(event_log.topic)
    await writer.start()

    async with asyncio.TaskGroup() as tasks:
        appends = [tasks.create_task(outcome(writer.append([r]))) for r in numbered(20)]
        await asyncio.sleep(0)
        tasks.create_task(writer.stop())

    acknowledged = [n for n, append in enumerate(appends) if append.result() is None]
    reader = await event_log.open_reader(StoredOffsets().load)
    stored = {record.value for record in await read(reader, len(acknowledged))}
    assert {b"%d" % n for n in acknowledged} <= stored
    with pytest.raises(LogUnavailable):
        await writer.append(numbered(1))
    assert not await writer.healthy()
