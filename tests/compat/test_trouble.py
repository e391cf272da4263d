"""Each server SDK in bad times: by its own retries nothing is lost, and nothing is there twice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from services.standalone.kafka import LocalKafka
from tests.acceptance.stack import Log
from tests.compat.sdks import ALL, Played, Sdk, play
from tests.compat.service import Applied, Service
from tests.compat.stories import numbered, numbers
from tests.compat.trouble import TOO_MANY, UNAVAILABLE, Fault, first_posts, proxied
from tests.eventually import eventually

_TOLERANCE = timedelta(seconds=1)
_OUTAGE_SECONDS = 20
_DOWN_SECONDS = 1.5

each_sdk = pytest.mark.parametrize(
    "sdk", [pytest.param(sdk, id=sdk.name) for sdk in ALL], indirect=True
)

TROUBLES: dict[str, Fault] = {
    "503": UNAVAILABLE,
    "429": TOO_MANY,
    "lost answers": "lose the answer",
}


@each_sdk
async def test_refusals_for_a_while_and_lost_answers_lose_and_double_nothing(
    sdk: Sdk, service: Service
) -> None:
    before = await service.verdicts()

    async with asyncio.TaskGroup() as group:
        runs = [group.create_task(_troubled(sdk, service, fault)) for fault in TROUBLES.values()]
    after = await service.verdicts()

    assert [run.result() for run in runs] == [list(range(25))] * len(TROUBLES)
    # The batches whose answers were lost came again, and were known.
    assert after.duplicate - before.duplicate >= 2
    assert after.dead == before.dead


async def _troubled(sdk: Sdk, service: Service, fault: Fault) -> list[int]:
    """Numbers of the events that were applied, of 0 to 24."""
    run = f"run{uuid4().hex}"
    async with proxied(service.port, first_posts(2, fault)) as proxy:
        played = await play(
            sdk, numbered(sdk, run, 25), host=proxy.url, write_key=service.write_key
        )
        assert proxy.faults == 2
    applied = await service.applied_at_least(25, run)
    assert played.errors == []
    _assert_times(sdk, played, applied)
    return numbers(applied)


async def test_a_killed_and_restarted_service_loses_and_doubles_nothing(
    some_sdks: Sequence[Sdk], service: Service
) -> None:
    async def kill_and_restart() -> None:
        await service.kill_ingest()
        await asyncio.sleep(_DOWN_SECONDS)
        await service.start_ingest()

    await _all_arrives_through(kill_and_restart, some_sdks, service)


async def test_a_log_that_is_gone_for_20_s_loses_and_doubles_nothing(
    some_sdks: Sequence[Sdk], on_kafka: Service, own_kafka: LocalKafka
) -> None:
    async def freeze_the_broker() -> None:
        own_kafka.pause()
        try:
            await asyncio.sleep(_OUTAGE_SECONDS)
        finally:
            own_kafka.resume()

    await _all_arrives_through(freeze_the_broker, some_sdks, on_kafka)


@pytest.fixture
def some_sdks(node_sdks: Path) -> Sequence[Sdk]:
    """All of them at once."""
    assert node_sdks.is_dir()
    return ALL


@pytest.fixture
async def on_kafka(
    database_url: str, own_kafka: LocalKafka, tmp_path: Path
) -> AsyncIterator[Service]:
    """A service whose log is the test's own broker."""
    running = Service(database_url, Log(bootstrap=own_kafka.bootstrap), tmp_path)
    async with running.running():
        yield running


async def _all_arrives_through(
    trouble: Callable[[], Awaitable[None]], sdks: Sequence[Sdk], service: Service
) -> None:
    """Sixty events of each SDK, a tenth of a second apart: before, in and after the trouble."""
    runs = [f"run{uuid4().hex}" for _ in sdks]

    async def all_have_begun() -> bool:
        return all([await service.applied(run) for run in runs])

    async with asyncio.TaskGroup() as group:
        plays = [
            group.create_task(
                play(
                    sdk,
                    numbered(sdk, run, 60),
                    host=service.url,
                    write_key=service.write_key,
                    pause_seconds=0.1,
                    options=sdk.patient,
                )
            )
            for sdk, run in zip(sdks, runs, strict=True)
        ]
        await eventually(all_have_begun, within=30, every=0.2)
        assert not any(each.done() for each in plays), "the trouble came too late to matter"
        await trouble()

    for sdk, run, each in zip(sdks, runs, plays, strict=True):
        applied = await service.applied_at_least(60, run, within=40)
        assert (sdk.name, each.result().errors) == (sdk.name, [])
        assert (sdk.name, numbers(applied)) == (sdk.name, list(range(60)))
        _assert_times(sdk, each.result(), applied)


def _assert_times(sdk: Sdk, played: Played, applied: Sequence[Applied]) -> None:
    for each in applied:
        late = each.occurred_at - played.called_at[each.envelope.properties["number"]]
        assert late > -_TOLERANCE, (sdk.name, late)
        assert sdk.keeps_sent_at or late < _TOLERANCE, (sdk.name, late)
