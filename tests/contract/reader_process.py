"""A reader in a process of its own, so that a test can freeze it or kill it.

Reads commands from standard input, one a line: `poll` polls once and prints what came as a JSON line.
Stored offsets come from a JSON file, which the test writes.
"""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from shared.errors import TransientError
from shared.eventlog.kafka.reader import KafkaReader
from shared.eventlog.port import LogReader
from shared.eventlog.postgres.reader import PostgresReader
from shared.process.logging import configure

SESSION_SECONDS = 2.0


def short_lived_reader(kind: str, address: str, topic: str, group_id: str) -> LogReader:
    """A reader that the others give up on after two seconds of silence."""
    if kind == "kafka":
        return KafkaReader(
            bootstrap=address, topic=topic, group_id=group_id, session_seconds=SESSION_SECONDS
        )
    return PostgresReader(
        database_url=address,
        topic=topic,
        group_id=group_id,
        heartbeat_seconds=SESSION_SECONDS / 10,
        dead_seconds=SESSION_SECONDS,
    )


async def main(kind: str, address: str, topic: str, group_id: str, offsets: str) -> None:
    async def load(partitions: Sequence[int]) -> Mapping[int, int]:
        stored = json.loads(await asyncio.to_thread(Path(offsets).read_text))
        return {p: stored[str(p)] for p in partitions if str(p) in stored}

    # Log lines to standard error: the answers have standard output to themselves.
    configure(service="reader")
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
    )
    reader = short_lived_reader(kind, address, topic, group_id)
    await reader.start(load)
    while (await commands.readline()).strip() == b"poll":
        answer: dict[str, object] = {}
        try:
            records = await reader.poll(1, 0.3)
            answer["records"] = [(record.partition, record.offset) for record in records]
        except TransientError as exc:
            answer["records"] = []
            answer["error"] = str(exc)
        answer["assigned"] = sorted(reader.assigned())
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    await reader.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
