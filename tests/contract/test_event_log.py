"""What ingest and stager rely on, held against both event logs by one suite.

Cannot catch: what a cluster of several Kafka brokers does, and faults of the disk. Faults of the server
are in test_event_log_faults.py, of readers in test_event_log_takeover.py.
"""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from shared.errors import DatabaseUnavailable, FatalError
from shared.eventlog.port import MAX_RECORD_BYTES, LogReader, NewRecord
from tests.contract.event_log_harness import EventLogHarness, StoredOffsets, read
from tests.support.eventually import eventually

ALL = frozenset({0, 1, 2, 3})


def _record(key: str, value: str) -> NewRecord:
    return NewRecord(key=key.encode(), value=value.encode())


async def _assigned(reader: LogReader) -> frozenset[int]:
    async def some() -> frozenset[int]:
        await reader.poll(1, 0.05)
        return reader.assigned()

    return await eventually(some, within=20)


async def test_what_was_appended_comes_back_as_it_was(event_log: EventLogHarness) -> None:
    writer = await event_log.open_writer()
    headers = (("type", b"touchpoint"), ("raw", b"\x00\xff"), ("type", b"again"))

    await writer.append([NewRecord(key=b"1:acme", value=b"\x00\x01\xff", headers=headers)])

    reader = await event_log.open_reader(StoredOffsets().load)
    (record,) = await read(reader, 1)
    assert (record.offset, record.key, record.value) == (0, b"1:acme", b"\x00\x01\xff")
    assert record.headers == headers


async def test_equal_keys_share_a_partition_in_the_order_given(event_log: EventLogHarness) -> None:
    writer = await event_log.open_writer()
    reader = await event_log.open_reader(StoredOffsets().load)

    await writer.append([_record(f"k{n % 10}", f"{n:03}") for n in range(100)])
    await writer.append([_record(f"k{n % 10}", f"{n:03}") for n in range(100, 200)])
    records = await read(reader, 200)

    assert sorted(record.value or b"" for record in records) == [
        f"{n:03}".encode() for n in range(200)
    ]
    for key in (b"k0", b"k7"):
        of_key = [record for record in records if record.key == key]
        assert len({record.partition for record in of_key}) == 1
        assert [record.value for record in of_key] == sorted(r.value or b"" for r in of_key)
        assert len(of_key) == 20
    assert len({record.partition for record in records}) > 1


async def test_offsets_ascend_within_a_partition_under_concurrent_writers(
    event_log: EventLogHarness,
) -> None:
    writers = [await event_log.open_writer() for _ in range(2)]
    reader = await event_log.open_reader(StoredOffsets().load)

    async with asyncio.TaskGroup() as tasks:
        for number, writer in enumerate(writers):
            for batch in range(20):
                batch_records = [_record(f"w{number}-{n}", f"{batch:02}") for n in range(10)]
                tasks.create_task(writer.append(batch_records))
    records = await read(reader, 400)

    assert len(records) == 400
    for partition in ALL:
        offsets = [record.offset for record in records if record.partition == partition]
        assert offsets == list(range(len(offsets)))


async def test_reading_resumes_at_the_stored_offset(event_log: EventLogHarness) -> None:
    for value in (b"a", b"b", b"c"):
        await event_log.append_raw(1, b"k", value)
    await event_log.append_raw(2, b"k", b"d")

    reader = await event_log.open_reader(StoredOffsets({1: 2}).load)
    records = await read(reader, 2)

    assert [(r.partition, r.offset, r.value) for r in sorted(records, key=str)] == [
        (1, 2, b"c"),
        (2, 0, b"d"),
    ]


async def test_null_keys_and_null_values_survive(event_log: EventLogHarness) -> None:
    await event_log.append_raw(0, None, b"no key")
    await event_log.append_raw(0, b"no value", None)

    reader = await event_log.open_reader(StoredOffsets().load)
    records = await read(reader, 2)

    assert [(record.key, record.value) for record in records] == [
        (None, b"no key"),
        (b"no value", None),
    ]


@pytest.mark.parametrize("max_records", [1, 3, 7])
async def test_a_poll_returns_no_more_than_asked_and_loses_nothing(
    event_log: EventLogHarness, max_records: int
) -> None:
    writer = await event_log.open_writer()
    reader = await event_log.open_reader(StoredOffsets().load)
    await writer.append([_record(f"k{n}", str(n)) for n in range(30)])
    sizes: list[int] = []
    seen: list[tuple[int, int]] = []

    async def all_read() -> bool:
        records = await reader.poll(max_records, 0.2)
        sizes.append(len(records))
        seen.extend((record.partition, record.offset) for record in records)
        return len(seen) >= 30

    await eventually(all_read, within=20)

    assert max(sizes) <= max_records
    assert len(seen) == len(set(seen)) == 30


async def test_a_poll_of_an_empty_log_comes_back_empty(event_log: EventLogHarness) -> None:
    reader = await event_log.open_reader(StoredOffsets().load)

    assert await _assigned(reader) == ALL
    assert list(await reader.poll(10, 0.05)) == []


async def test_a_waiting_poll_is_woken_by_an_append(event_log: EventLogHarness) -> None:
    writer = await event_log.open_writer()
    reader = await event_log.open_reader(StoredOffsets().load)
    await _assigned(reader)

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(reader.poll(10, 60))
        await writer.append([_record("k", "wake")])

    assert [record.value for record in waiting.result()] == [b"wake"]


async def test_two_readers_share_the_partitions_and_hand_over_when_one_leaves(
    event_log: EventLogHarness,
) -> None:
    stored = StoredOffsets()
    first = await event_log.open_reader(stored.load)
    assert await _assigned(first) == ALL

    second = await event_log.open_reader(stored.load)

    async def shared() -> bool:
        await asyncio.gather(first.poll(1, 0.1), second.poll(1, 0.1))
        return (
            len(first.assigned()) == len(second.assigned()) == 2
            and first.assigned() | second.assigned() == ALL
        )

    await eventually(shared, within=30)

    await second.stop()

    async def handed_over() -> bool:
        await first.poll(1, 0.1)
        return first.assigned() == ALL

    await eventually(handed_over, within=30)
    assert second.assigned() == frozenset()


async def test_each_record_goes_to_one_of_two_readers(event_log: EventLogHarness) -> None:
    writer = await event_log.open_writer()
    stored = StoredOffsets()
    readers = [await event_log.open_reader(stored.load) for _ in range(2)]

    async def shared() -> bool:
        await asyncio.gather(*(reader.poll(1, 0.1) for reader in readers))
        return [len(reader.assigned()) for reader in readers] == [2, 2]

    await eventually(shared, within=30)
    await writer.append([_record(f"k{n}", str(n)) for n in range(100)])
    seen: list[bytes | None] = []

    async def all_read() -> bool:
        for records in await asyncio.gather(*(reader.poll(50, 0.1) for reader in readers)):
            seen.extend(record.value for record in records)
        return len(seen) >= 100

    await eventually(all_read, within=20)
    assert sorted(seen, key=lambda value: int(value or b"-1")) == [
        str(n).encode() for n in range(100)
    ]


async def test_rejoin_reads_again_from_the_stored_offset(event_log: EventLogHarness) -> None:
    for value in (b"a", b"b", b"c"):
        await event_log.append_raw(0, b"k", value)
    stored = StoredOffsets()
    reader = await event_log.open_reader(stored.load)
    assert [record.value for record in await read(reader, 3)] == [b"a", b"b", b"c"]

    stored.next_offsets[0] = 1
    await reader.rejoin()

    assert [record.value for record in await read(reader, 2)] == [b"b", b"c"]


async def test_bounds_tell_the_first_kept_and_the_next_offset(event_log: EventLogHarness) -> None:
    await event_log.append_raw(3, b"k", b"a")
    await event_log.append_raw(3, b"k", b"b")
    reader = await event_log.open_reader(StoredOffsets().load)
    await _assigned(reader)

    assert dict(await reader.bounds()) == {0: (0, 0), 1: (0, 0), 2: (0, 0), 3: (0, 2)}


async def test_retention_removes_the_oldest_and_moves_the_first_offset(
    event_log: EventLogHarness,
) -> None:
    for value in (b"a", b"b", b"c"):
        await event_log.append_raw(0, b"k", value)

    await event_log.remove_before({0: 2})

    reader = await event_log.open_reader(StoredOffsets().load)
    assert [(record.offset, record.value) for record in await read(reader, 1)] == [(2, b"c")]
    assert (await reader.bounds())[0] == (2, 3)


async def test_a_stored_offset_below_the_first_kept_is_fatal(event_log: EventLogHarness) -> None:
    for value in (b"a", b"b", b"c"):
        await event_log.append_raw(0, b"k", value)
    await event_log.remove_before({0: 2})
    reader = await event_log.open_reader(StoredOffsets({0: 1}).load)

    with pytest.raises(FatalError, match="the stored offset 1 lies before the start of the log"):
        await _assigned_or_raise(reader)


async def test_a_stored_offset_beyond_the_end_is_fatal(event_log: EventLogHarness) -> None:
    await event_log.append_raw(0, b"k", b"a")
    reader = await event_log.open_reader(StoredOffsets({0: 5}).load)

    with pytest.raises(FatalError, match="the stored offset 5 lies beyond the end of the log"):
        await _assigned_or_raise(reader)


async def _assigned_or_raise(reader: LogReader) -> None:
    async with asyncio.timeout(20):
        while True:
            await reader.poll(1, 0.2)


async def test_offsets_that_cannot_be_loaded_are_loaded_later(event_log: EventLogHarness) -> None:
    await event_log.append_raw(0, b"k", b"a")
    await event_log.append_raw(0, b"k", b"b")
    stored = StoredOffsets({0: 1})
    is_away = True

    async def load(partitions: Sequence[int]) -> Mapping[int, int]:
        if is_away:
            raise DatabaseUnavailable
        return await stored.load(partitions)

    reader = await event_log.open_reader(load)
    with pytest.raises(DatabaseUnavailable):
        await _assigned_or_raise(reader)

    is_away = False

    assert [record.value for record in await read(reader, 1)] == [b"b"]


async def test_commit_is_harmless_even_for_partitions_not_held(event_log: EventLogHarness) -> None:
    await event_log.append_raw(0, b"k", b"a")
    reader = await event_log.open_reader(StoredOffsets().load)
    await read(reader, 1)

    await reader.commit({0: 1})
    await reader.commit({9: 1})


async def test_a_giant_record_is_refused_and_nothing_of_its_batch_is_stored(
    event_log: EventLogHarness,
) -> None:
    writer = await event_log.open_writer()
    giant = NewRecord(key=b"k", value=b"x" * MAX_RECORD_BYTES)

    with pytest.raises(ValueError, match="the event log takes 900000"):
        await writer.append([_record("k", "fits"), giant])

    await writer.append([_record("k", "after")])
    reader = await event_log.open_reader(StoredOffsets().load)
    assert [record.value for record in await read(reader, 1)] == [b"after"]


async def test_the_largest_record_is_accepted(event_log: EventLogHarness) -> None:
    writer = await event_log.open_writer()
    value = bytes(range(256)) * (MAX_RECORD_BYTES // 256 - 1)

    await writer.append([NewRecord(key=b"k", value=value)])

    reader = await event_log.open_reader(StoredOffsets().load)
    (record,) = await read(reader, 1)
    assert record.value == value


async def test_appending_nothing_is_nothing(event_log: EventLogHarness) -> None:
    writer = await event_log.open_writer()

    await writer.append([])


async def test_a_topic_that_does_not_exist_is_a_clear_error(event_log: EventLogHarness) -> None:
    for start in (
        event_log.writer("test.absent").start(),
        event_log.reader("test.absent").start(StoredOffsets().load),
    ):
        with pytest.raises(FatalError, match=r"no topic test\.absent"):
            await start


async def test_making_a_topic_twice_keeps_its_partitions_and_records(
    event_log: EventLogHarness,
) -> None:
    await event_log.append_raw(0, b"k", b"a")

    await event_log.make_topic()

    reader = await event_log.open_reader(StoredOffsets().load)
    assert [record.value for record in await read(reader, 1)] == [b"a"]
    assert (await reader.bounds()).keys() == ALL
