"""One Stageline on each event log for all cases of order."""

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.clock import ManualClock
from tests.acceptance.order.senders import Senders
from tests.support.database import fresh_database
from tests.support.services import Log, Stack

MAP = """
journey: cases
title: Cases
subject: account
stages:
  - {key: lead, title: Lead}
  - {key: trial, title: Trial, enter: {event: [Trial Started, Demo Requested]}}
  - {key: customer, title: Customer, enter: {event: [Subscription Started, Order Completed, Deal Won]}}
outcomes:
  - {key: lost, title: Lost, kind: lost, from: [lead, trial], when: {event: Deal Lost}, win_back: {to: lead, when: {event: [Demo Requested, Trial Started]}}}
  - {key: churned, title: Churned, kind: churned, from: [customer], when: {event: Subscription Cancelled}, win_back: {to: customer, when: {event: Subscription Started}}}
"""  # noqa: E501 - as the cases have it
NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)

_numbers = itertools.count(1)


@pytest.fixture(scope="package", params=["postgres", "kafka"])
async def senders(
    request: pytest.FixtureRequest,
    postgres_url: str,
    template_database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Senders]:
    """Ingest, stager and api with the map in force."""
    log = Log(bootstrap=request.getfixturevalue("kafka") if request.param == "kafka" else None)
    await log.empty()
    folder: Path = tmp_path_factory.mktemp("order")
    async with fresh_database(postgres_url, template=template_database) as database_url:
        stack = Stack(database_url, log, ManualClock(NOW), folder)
        await stack.start()
        try:
            await stack.publish(MAP)
            running = Senders(stack)
            await running.prepare()
            yield running
        finally:
            await stack.stop()


@pytest.fixture
def account(senders: Senders) -> str:
    """An account that no other test has, a minute after the test before."""
    senders.stack.clock.advance(timedelta(minutes=1))
    return f"account-{next(_numbers)}"
