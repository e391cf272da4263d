"""What the settings of a source keep a public key from saying: money, accounts and the past."""

from datetime import timedelta
from typing import Any

import pytest

from services.ingest.events.verdicts import RefusalCode, Refused
from services.ingest.privacy.rules import EventRules, event_rules
from shared.contracts.envelope import Envelope
from shared.keys.token import KeyKind
from shared.sources.source import SourceSettings, WorkspaceRules
from tests.support.touchpoints import event
from tests.unit.ingest.privacy.test_rules import NOW

WEEK = timedelta(days=7)


def rules(**settings: Any) -> EventRules:
    return event_rules(
        KeyKind.WRITE, SourceSettings(**settings), WorkspaceRules(hash_key=b"k"), set()
    )


def happened(ago: timedelta, **fields: Any) -> Envelope:
    fields = {"event": "Order Completed", "user_id": "ann", **fields}
    return event(occurred_at=NOW - ago, received_at=NOW, **fields)


@pytest.mark.parametrize(
    ("ago", "passes"),
    [(timedelta(), True), (WEEK, True), (WEEK + timedelta(microseconds=1), False)],
)
def test_an_event_is_refused_above_the_age_that_its_source_allows(
    ago: timedelta, *, passes: bool
) -> None:
    verdict = rules(max_age_days=7).apply(happened(ago))

    assert isinstance(verdict, Envelope) is passes
    if isinstance(verdict, Refused):
        assert verdict.code is RefusalCode.TOO_OLD


def test_no_age_limits_an_erasure_or_an_unmapped_item() -> None:
    for type_ in ("erase", "unmapped"):
        verdict = rules(max_age_days=7).apply(happened(timedelta(days=400), type=type_))

        assert isinstance(verdict, Envelope)


def test_money_and_traits_of_accounts_are_removed_and_the_event_stays() -> None:
    envelope = happened(
        timedelta(),
        account_id="acme",
        value=9e9,
        account_traits={"name": "Evil"},
        properties={"plan": "pro"},
    )

    open_ = rules().apply(envelope)
    closed = rules(value="drop", account_traits="drop").apply(envelope)

    assert open_ == envelope
    assert isinstance(closed, Envelope)
    assert (closed.value, closed.account_traits) == (None, {})
    assert (closed.event, closed.account_id, closed.properties) == (
        "Order Completed",
        "acme",
        {"plan": "pro"},
    )
