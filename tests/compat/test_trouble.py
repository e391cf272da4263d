"""Each SDK in bad times: by its own retries nothing is lost, and nothing is there twice."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from math import inf
from pathlib import Path
from time import monotonic
from uuid import uuid4

import pytest
from playwright.async_api import Browser

from deploy.dev.kafka import LocalKafka
from shared.sources.source import SourceKind, SourceSettings
from tests.compat.page_runs import GIVES_UP_SECONDS, PAGES, PageRun, opened
from tests.compat.sdks import ALL, POSTHOG_V1, Played, Run, Sdk, play, started
from tests.compat.service import Applied, Service
from tests.compat.stories import numbered, numbers
from tests.compat.trouble import TOO_MANY, UNAVAILABLE, Fault, first_posts, proxied
from tests.support.eventually import eventually
from tests.support.services import Log

_TOLERANCE = timedelta(seconds=5)
_OUTAGE_SECONDS = 20
_DOWN_SECONDS = 1.5
_FIRST, _REST = 20, 40
_PAUSE_SECONDS = 0.1

each_sdk = pytest.mark.parametrize(
    "sdk", [pytest.param(sdk, id=sdk.name) for sdk in ALL], indirect=True
)

TROUBLES: dict[str, Fault] = {
    "503": UNAVAILABLE,
    "429": TOO_MANY,
    "lost answers": "lose the answer",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """An SDK that has delivered the first part of its events and waits."""

    sdk: str
    name: str
    run: Run | PageRun
    keeps_sent_at: bool = False
    gives_up_seconds: float = inf
    """For how long it certainly repeats an unanswered request."""


Begin = Callable[[Service], AbstractAsyncContextManager[Sequence[Begun]]]


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
    _assert_times(sdk, service, played, applied)
    return numbers(applied)


@pytest.mark.timeout(300)
async def test_senders_above_the_rate_of_their_source_wait_and_lose_and_double_nothing(
    some_sdks: Sequence[Sdk], service: Service
) -> None:
    # A batch of ten is paid off in two seconds; none of them takes that long to fill the next one.
    settings = SourceSettings(events_per_second=5, burst=1)
    keys = [await service.key_of_source(SourceKind.SERVER, settings) for _ in some_sdks]

    async def limited(sdk: Sdk, key: str) -> tuple[list[int], list[int]]:
        """Answers that were no success, and numbers of the events that were applied."""
        run = f"run{uuid4().hex}"
        async with (
            proxied(service.port) as proxy,
            started(
                sdk, numbered(sdk, run, 30), host=proxy.url, write_key=key, options=sdk.patient
            ) as at_work,
        ):
            played = await at_work.finished()
        assert played.errors == []
        applied = await service.applied_at_least(30, run)
        _assert_times(sdk, service, played, applied)
        return [status for status in proxy.answered if status != 200], numbers(applied)

    async with asyncio.TaskGroup() as group:
        runs = [
            group.create_task(limited(sdk, key)) for sdk, key in zip(some_sdks, keys, strict=True)
        ]

    for sdk, each in zip(some_sdks, runs, strict=True):
        turned_away, applied = each.result()
        assert (sdk.name, applied) == (sdk.name, list(range(30)))
        # A log that stalls answers 503 for its part.
        assert (sdk.name, 429 in turned_away) == (sdk.name, True)
        assert (sdk.name, set(turned_away) - {429, 503}) == (sdk.name, set())


@pytest.mark.timeout(300)
async def test_a_killed_and_restarted_service_loses_and_doubles_nothing(
    begin: Begin, service: Service
) -> None:
    async with begin(service) as begun:
        for each in begun:
            await each.run.go_on()
        # All are in the middle of their calls when the first of the rest has arrived.
        await eventually(partial(_one_has_gone_on, begun, service), within=60, every=0.05)
        began = monotonic()
        await service.kill_ingest()
        await asyncio.sleep(_DOWN_SECONDS)
        await service.start_ingest()
        down_seconds = monotonic() - began

        patient = [each for each in begun if down_seconds < each.gives_up_seconds]
        await _assert_all_arrives(patient, service)


@pytest.mark.timeout(300)
async def test_a_log_that_is_gone_for_20_s_loses_and_doubles_nothing(
    begin: Begin, on_kafka: Service, own_kafka: LocalKafka
) -> None:
    async with begin(on_kafka) as begun:
        own_kafka.pause()
        try:
            for each in begun:
                await each.run.go_on()
            await asyncio.sleep(_OUTAGE_SECONDS)
        finally:
            own_kafka.resume()

        await _assert_all_arrives(begun, on_kafka, is_slow=True)


@pytest.fixture
def some_sdks(node_sdks: Path) -> Sequence[Sdk]:
    """All of them at once."""
    assert node_sdks.is_dir()
    return (*ALL, *POSTHOG_V1)


@pytest.fixture
async def on_kafka(
    database_url: str, own_kafka: LocalKafka, tmp_path: Path
) -> AsyncIterator[Service]:
    """A service whose log is the test's own broker."""
    running = Service(database_url, Log(bootstrap=own_kafka.bootstrap), tmp_path)
    async with running.running():
        yield running


@pytest.fixture
def begin(some_sdks: Sequence[Sdk], browser: Browser, node_sdks: Path) -> Begin:
    """Servers and pages, at one and the same service."""
    return partial(_begun, some_sdks, browser, node_sdks)


@asynccontextmanager
async def _begun(
    sdks: Sequence[Sdk], browser: Browser, node_sdks: Path, service: Service
) -> AsyncIterator[Sequence[Begun]]:
    """Each SDK with twenty events delivered and forty to come, a tenth of a second apart."""
    async with AsyncExitStack() as stack:
        begun = []
        for sdk in sdks:
            name = f"run{uuid4().hex}"
            calls = numbered(sdk, name, _FIRST + _REST)
            run = await stack.enter_async_context(
                started(
                    sdk,
                    calls[:_FIRST],
                    calls[_FIRST:],
                    host=service.url,
                    write_key=service.write_key,
                    pause_seconds=_PAUSE_SECONDS,
                    options=sdk.patient,
                )
            )
            begun.append(Begun(sdk=sdk.name, name=name, run=run, keeps_sent_at=sdk.keeps_sent_at))
        for package in PAGES:
            name = f"run{uuid4().hex}"
            page = await stack.enter_async_context(
                opened(
                    package,
                    name,
                    _FIRST,
                    _FIRST + _REST,
                    browser=browser,
                    node_sdks=node_sdks,
                    host=service.url,
                    write_key=service.write_key,
                    pause_seconds=_PAUSE_SECONDS,
                )
            )
            gives_up = GIVES_UP_SECONDS.get(package, inf)
            begun.append(Begun(sdk=package, name=name, run=page, gives_up_seconds=gives_up))
        for each in begun:
            await service.applied_at_least(_FIRST, each.name)
        yield begun


async def _one_has_gone_on(begun: Sequence[Begun], service: Service) -> bool:
    return any([len(await service.applied(each.name)) > _FIRST for each in begun])


async def _assert_all_arrives(
    begun: Sequence[Begun], service: Service, *, is_slow: bool = False
) -> None:
    """`is_slow`: it let requests wait, so that a browser held others back which were dated already."""
    for each in begun:
        played = await each.run.finished()
        applied = await service.applied_at_least(_FIRST + _REST, each.name)
        assert (each.sdk, played.errors) == (each.sdk, [])
        assert (each.sdk, numbers(applied)) == (each.sdk, list(range(_FIRST + _REST)))
        if not (is_slow and isinstance(each.run, PageRun)):
            _assert_times(each, service, played, applied)


def _assert_times(
    sdk: Sdk | Begun, service: Service, played: Played, applied: Sequence[Applied]
) -> None:
    tolerance = service.pace.leeway(_TOLERANCE, since=played.called_at[0][0])
    for each in applied:
        late = played.lateness(each.envelope.properties["number"], each.occurred_at)
        assert late > -tolerance, (sdk, late)
        assert sdk.keeps_sent_at or late < tolerance, (sdk, late)
