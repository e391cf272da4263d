"""Events at whole days, and what the reference makes of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.contracts.envelope import Envelope
from tests.support import touchpoints
from tests.support.identity_reference import Identities, identities
from tests.support.identity_statements import read_all

START = datetime(2026, 1, 5, tzinfo=UTC)


def on(day: float, **fields: Any) -> Envelope:
    """An event of a day; its message id is `m` and the day."""
    at = START + timedelta(days=day)
    return touchpoints.event(fields.get("type", "track"), at, message_id=f"m{day:g}", **fields)


def outcome(*events: Envelope) -> Identities:
    """What the reference makes of the events."""
    return identities(read_all(events))


def people(*events: Envelope) -> dict[str, set[str]]:
    """Names by person, persons of one name left out."""
    return {
        person: set(group) for person, group in outcome(*events).persons.items() if len(group) > 1
    }


def subjects(*events: Envelope) -> dict[str, str]:
    """Subject of each event by message id."""
    return {message: owner.subject for message, owner in outcome(*events).owners.items()}
