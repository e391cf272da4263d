"""One Stageline on each event log for all cases, and a case for each way of arriving."""

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.clock import ManualClock
from tests.acceptance.identity.case import Arrival, Case
from tests.acceptance.identity.senders import PublicStack, Senders
from tests.support.database import fresh_database
from tests.support.services import Log

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
            running = Senders(stack)
            await running.prepare()
            yield running
        finally:
            await stack.stop()


@pytest.fixture(params=list(Arrival), ids=str)
def case(senders: Senders, request: pytest.FixtureRequest) -> Case:
    """A case whose names are no other's."""
    return Case(senders, request.param, next(_numbers))
