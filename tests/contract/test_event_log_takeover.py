"""What both event logs promise when a reader dies, stalls or comes back: no record lost, none twice."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from tests.contract.event_log_harness import (
    EventLogHarness,
    StoredOffsets,
    numbered,
    read,
)
from tests.contract.reader_process import SESSION_SECONDS
from tests.support.eventually import eventually

ALL = [0, 1, 2, 3]
ROOT = Path(__file__).parent.parent.parent


class _ReaderProcess:
    """A reader in a process of its own; see reader_process.py."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def poll(self) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"poll\n")
        async with asyncio.timeout(30):
            answer: dict[str, Any] = json.loads(await self.process.stdout.readline())
        return answer


@asynccontextmanager
async def _reader_process(
    log: EventLogHarness, stored_offsets: Path
) -> AsyncIterator[_ReaderProcess]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.contract.reader_process"),
        *(log.kind, log.address, log.topic, log.group, str(stored_offsets)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield _ReaderProcess(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_killed_readers_partitions_go_to_the_other(
    event_log: EventLogHarness, tmp_path: Path
) -> None:
    stored = tmp_path / "offsets.json"
    stored.write_text("{}")
    async with _reader_process(event_log, stored) as other:

        async def other_holds_all() -> bool:
            return bool((await other.poll())["assigned"] == ALL)

        await eventually(other_holds_all, within=30)
        other.process.kill()
        survivor = await event_log.open_short_lived_reader(StoredOffsets().load)

        async def has_all() -> bool:
            await survivor.poll(1, 0.1)
            return sorted(survivor.assigned()) == ALL

        assert await eventually(has_all, within=30)


async def test_after_a_stall_all_that_was_not_stored_is_read_again(
    event_log: EventLogHarness,
) -> None:
    for value in (b"a", b"b", b"c"):
        await event_log.append_raw(0, b"k", value)
    stored = StoredOffsets({0: 1})
    reader = await event_log.open_short_lived_reader(stored.load)
    assert [record.value for record in await read(reader, 2)] == [b"b", b"c"]
    loaded = len(stored.loads)

    # The whole process stands still for longer than a session lasts.
    sleep(SESSION_SECONDS * 1.5)  # noqa: ASYNC251 - to block the loop is the point

    # A batch checked now would be dropped, so its records come again, from the stored offset.
    assert reader.assigned() == frozenset()
    assert [record.value for record in await read(reader, 2)] == [b"b", b"c"]
    assert len(stored.loads) > loaded


async def test_a_revived_reader_returns_nothing_of_what_it_lost(
    event_log: EventLogHarness, tmp_path: Path
) -> None:
    stored = tmp_path / "offsets.json"
    stored.write_text("{}")
    writer = await event_log.open_writer()
    await writer.append(numbered(200))
    async with _reader_process(event_log, stored) as zombie:
        # Given a reader that holds everything and has fetched more than it has returned ...
        async def has_read_one() -> bool:
            return len((await zombie.poll())["records"]) == 1

        await eventually(has_read_one, within=30)

        # ... which is frozen until another one owns all partitions and has stored all the effects,
        zombie.process.send_signal(signal.SIGSTOP)
        frozen_at = monotonic()
        survivor = await event_log.open_short_lived_reader(StoredOffsets().load)
        records = await read(survivor, 200)
        next_offsets = {p: sum(r.partition == p for r in records) for p in ALL}
        stored.write_text(json.dumps(next_offsets))
        # The log may have given up on it a moment before it would notice by its own clock.
        await asyncio.sleep(SESSION_SECONDS * 1.5 - (monotonic() - frozen_at))

        # when it wakes,
        zombie.process.send_signal(signal.SIGCONT)
        answers = [await zombie.poll()]

        async def is_member_again() -> bool:
            await survivor.poll(1, 0.05)
            answers.append(await zombie.poll())
            return bool(answers[-1]["assigned"]) and sorted(survivor.assigned()) != ALL

        await eventually(is_member_again, within=30)

        # then it holds nothing at first and never returns a record that the other has stored.
        assert answers[0]["assigned"] == []
        assert [answer["records"] for answer in answers if answer["records"]] == []
