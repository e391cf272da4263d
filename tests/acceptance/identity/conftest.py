"""One Stageline on each event log for all cases, and the cases of a file at once, for each way of arriving.

A test's function is the case. Pytest calls none of them: the first test of a file runs all, each with names
of its own, and each test then reports what became of its case.
"""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from shared.clock import ManualClock
from tests.acceptance.identity.case import Arrival, Case
from tests.acceptance.identity.senders import PublicStack, Senders
from tests.support.database import fresh_database
from tests.support.services import Log
from tests.support.together import JointWait, outcomes

MAP = """
journey: cases
title: Cases
subject: account
stages:
  - {key: lead, title: Lead}
  - {key: trial, title: Trial, enter: {event: [Trial Started, Demo Requested, Vid\u00e9o d\u00e9mo]}}
  - {key: customer, title: Customer, enter: {event: [Subscription Started, Order Completed, Deal Won]}}
outcomes:
  - {key: lost, title: Lost, kind: lost, from: [lead, trial], when: {event: Deal Lost}, win_back: {to: lead, when: {event: [Demo Requested, Trial Started]}}}
  - {key: churned, title: Churned, kind: churned, from: [customer], when: {event: Subscription Cancelled}, win_back: {to: customer, when: {event: Subscription Started}}}
"""  # noqa: E501 - as the cases have it
NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
"""The clock's reading: after everything that happens."""

_numbers = itertools.count(1)


@pytest.fixture(scope="package", params=["postgres", "kafka"])
async def senders(
    request: pytest.FixtureRequest,
    postgres_url: str,
    template_database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Senders]:
    """Ingest, stager and api with the map in force and a source for each provider."""
    log = Log(bootstrap=request.getfixturevalue("kafka") if request.param == "kafka" else None)
    await log.empty()
    folder: Path = tmp_path_factory.mktemp("identity")
    async with fresh_database(postgres_url, template=template_database) as database_url:
        stack = PublicStack(database_url, log, ManualClock(NOW), folder)
        await stack.start()
        try:
            await stack.publish(MAP)
            running = Senders(stack, request.param)
            await running.prepare()
            yield running
        finally:
            await stack.stop()


@pytest.fixture(scope="module", params=list(Arrival), ids=str)
async def results(senders: Senders, request: pytest.FixtureRequest) -> dict[str, Exception | None]:
    """What ended each case of a file in one way of arriving, by the name of its test; None: all held."""
    cases: dict[str, Callable[[JointWait], Awaitable[None]]] = {}
    for item in request.session.items:
        if not isinstance(item, pytest.Function) or item.path != request.path:
            continue
        own = dict(item.callspec.params)
        if (own.pop("senders"), own.pop("results")) == (senders.log, request.param):
            cases[item.name] = partial(_run, item.function, own, senders, request.param)
    return await outcomes(senders.settled, cases)


async def _run(
    test: Callable[..., Awaitable[None]],
    own: dict[str, Any],
    senders: Senders,
    arrival: Arrival,
    together: JointWait,
) -> None:
    await test(case=Case(senders, arrival, next(_numbers), together), **own)


@pytest.fixture
def case(results: dict[str, Exception | None], request: pytest.FixtureRequest) -> Exception | None:
    """The outcome of the test's case, in place of the `Case` of its signature, which it has run with."""
    return results[request.node.name]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool:
    """Report what ended a case, in place of calling it."""
    error = pyfuncitem.funcargs["case"]
    if isinstance(error, Exception):
        raise error
    return True
