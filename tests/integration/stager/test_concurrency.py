"""Several stagers at once on the same few people: the rows are those of one stager in order."""

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from services.stager.batch.batch_writer import BatchWriter
from services.stager.records.records import decode_all
from shared.contracts.envelope import Envelope
from shared.errors import DatabaseUnavailable
from tests.integration.stager.world import HABIT, SALES, World, snapshot, story, wipe, world

PARTITIONS = 6
STAGERS = 3


async def stager(
    w: World, writer: BatchWriter, partitions: dict[int, list[Envelope]], size: int
) -> None:
    """The share of one process: small batches, its own cache."""
    positions: dict[int, int] = {}
    while any(partitions.values()):
        records = []
        for partition, waiting in partitions.items():
            start = positions.get(partition, 0)
            chosen, partitions[partition] = waiting[:size], waiting[size:]
            for at, record in enumerate(w.records(chosen, partition)):
                records.append(type(record)(partition, start + at, record.key, record.value))
        decoded = decode_all(records, max_bytes=100_000)
        while True:
            try:
                done = await writer.store(decoded, positions)
            except DatabaseUnavailable:
                continue
            break
        for each in done:
            positions.update(each.next_offsets)


def deal(events: Sequence[Envelope], random: Random) -> list[dict[int, list[Envelope]]]:
    shares: list[dict[int, list[Envelope]]] = [{} for _ in range(STAGERS)]
    for partition in range(PARTITIONS):
        shares[partition % STAGERS][partition] = []
    for event in events:
        partition = random.randrange(PARTITIONS)
        shares[partition % STAGERS][partition].append(event)
    return shares


@pytest.mark.parametrize("seed", range(6))
async def test_stagers_that_meet_give_the_rows_of_one(database_url: str, seed: int) -> None:
    random = Random(seed)  # noqa: S311 - chance that can be repeated
    async with world(database_url, SALES, HABIT) as w:
        events = story(w, random, 40)
        await w.send(*sorted(events, key=lambda e: (e.occurred_at, e.message_id)))
        expected = await snapshot(w)
        await wipe(w)

        shuffled = [*events, *random.sample(events, 8)]
        random.shuffle(shuffled)
        async with asyncio.TaskGroup() as group:
            for number, share in enumerate(deal(shuffled, random)):
                writer = w.another_stager(f"stager-{number}").writer
                group.create_task(stager(w, writer, share, random.randint(1, 4)))

        rows_now = await snapshot(w)
        for name, rows in expected.items():
            assert rows_now[name] == rows, name
        assert await w.verdicts() == (40, 8, 0)


@pytest.mark.parametrize("seed", range(3))
async def test_partition_workers_of_one_stager_give_the_rows_of_one(
    database_url: str, seed: int
) -> None:
    random = Random(100 + seed)  # noqa: S311 - chance that can be repeated
    async with world(database_url, SALES, HABIT) as w:
        events = story(w, random, 40)
        await w.send(*sorted(events, key=lambda e: (e.occurred_at, e.message_id)))
        expected = await snapshot(w)
        await wipe(w)

        random.shuffle(events)
        async with asyncio.TaskGroup() as group:
            for share in deal(events, random):
                group.create_task(stager(w, w.stager.writer, share, 3))

        rows_now = await snapshot(w)
        for name, rows in expected.items():
            assert rows_now[name] == rows, name
