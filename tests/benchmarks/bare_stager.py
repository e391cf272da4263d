"""The limit beside the stager in the end-to-end benchmark: log in, rows out, nothing decided.

Reads the same topic and writes what no stager can do without: the touchpoint with dedup, one state
row per subject and batch, the offset. No identity, no fold, no fence, no metrics.
"""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import uvloop

from shared.contracts.topics import TOUCHPOINTS
from shared.eventlog.factory import open_reader
from shared.settings import CommonSettings, load
from shared.storage.connect import DatabaseRole, open_pool

_STATE = b'{"b2b-jtbd-7":{"v":1,"s":{"status":"active","stage":"research"}}}' + b" " * 240

_HISTORY = """
    INSERT INTO touchpoint (workspace_id, message_id, subject_id, person_id, occurred_at,
                            processed_at, envelope)
    SELECT 1, m, s, p, $5, $5, e
    FROM unnest($1::text[], $2::text[], $3::text[], $4::json[]) AS t (m, s, p, e)
    ON CONFLICT DO NOTHING RETURNING message_id
"""
_SUBJECT = """
    INSERT INTO subject (workspace_id, subject_id, version, touchpoints, processed_at, states)
    SELECT 1, s, 1, 1, $3, st FROM unnest($1::text[], $2::bytea[]) AS t (s, st)
    ON CONFLICT (workspace_id, subject_id) DO UPDATE
    SET version = subject.version + 1, states = excluded.states, processed_at = excluded.processed_at
"""
_OFFSET = """
    INSERT INTO consumer_offset (topic, partition, first_offset, next_offset, applied, updated_at)
    VALUES ('bare', 0, 0, $1, $1, now()) ON CONFLICT (topic, partition)
    DO UPDATE SET next_offset = consumer_offset.next_offset + excluded.next_offset,
                  applied = consumer_offset.applied + excluded.applied
"""


async def _from_the_start(_: Sequence[int]) -> Mapping[int, int]:
    return {}


async def _run() -> None:
    settings = load(CommonSettings)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    pool = await open_pool(
        settings.database_url.get_secret_value(),
        role=DatabaseRole.STAGER,
        application_name="bare-stager",
        max_size=1,
    )
    reader = open_reader(settings, TOUCHPOINTS, "bare-stager")
    await reader.start(_from_the_start)
    while not stop.is_set():
        if records := await reader.poll(2000, 0.05):
            await _store(pool, [record.value or b"" for record in records])
    await reader.stop()
    await pool.close()


async def _store(pool: Any, values: list[bytes]) -> None:
    events = [msgspec.json.decode(value) for value in values]
    subjects = sorted({event["account_id"] for event in events})
    now = datetime.now(UTC)  # noqa: TID251 - a script
    async with pool.acquire() as connection, connection.transaction():
        await connection.fetch(
            _HISTORY,
            [event["message_id"] for event in events],
            [event["account_id"] for event in events],
            [event["user_id"] for event in events],
            [value.decode() for value in values],
            now,
        )
        await connection.execute(_SUBJECT, subjects, [_STATE] * len(subjects), now)
        await connection.execute(_OFFSET, len(values))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run())
