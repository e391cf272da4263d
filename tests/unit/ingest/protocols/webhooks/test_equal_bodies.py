"""Case P9: equal bodies without an id and a time count again, but a repeated delivery does not."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.ingest.intake import Ingest
from shared.clock import ManualClock
from shared.contracts.message_ids import as_sent
from shared.sources.source import SourceKind
from tests.unit.ingest.conftest import NOW, FakeDatabase, ListLog
from tests.unit.ingest.protocols.webhooks.deliveries import made, post, with_public_address

FORM = {"form": "demo", "email": "ann@acme.example"}
TIMED = {**FORM, "sent": "2026-02-28T10:00:00Z"}
NUMBERED = {**FORM, "id": "lead-7"}
RULES = {"rules": [{"when": "form", "event": "Demo Requested", "email": "email"}]}
WITH_TIME = {"occurred_at": "sent", **RULES}
WITH_ID = {"message_id": "id", **RULES}


@pytest.fixture
def ingest(ingest: Ingest) -> Ingest:
    return with_public_address(ingest)


class Form:
    """A form on a website that posts the same body each time."""

    def __init__(
        self, client: httpx.AsyncClient, ingest: Ingest, database: FakeDatabase, log: ListLog
    ) -> None:
        self._client = client
        self._database = database
        self._log = log
        assert isinstance(ingest.clock, ManualClock)
        self._clock = ingest.clock

    async def ids(self, body: dict[str, Any], *hours: float, **settings: Any) -> list[str]:
        """The message ids of the body, delivered so many hours after NOW, which is at noon."""
        of = made(self._database, SourceKind.GENERIC, **{"mapping": RULES, **settings})
        for after in hours:
            self._clock.set(NOW + timedelta(hours=after))
            answer = await post(self._client, of, body)
            assert answer.status_code == 200
        return [as_sent(each.message_id) for each in self._log.envelopes]


@pytest.fixture
def form(
    client: httpx.AsyncClient, ingest: Ingest, database: FakeDatabase, event_log: ListLog
) -> Form:
    return Form(client, ingest, database, event_log)


async def test_the_form_that_is_filled_in_twice_in_a_year_is_two_events(form: Form) -> None:
    first, second = await form.ids(FORM, 0, 24 * 200)

    assert first != second
    assert first.endswith("@2026-03-01")


async def test_a_delivery_that_is_repeated_within_the_day_is_one_event(form: Form) -> None:
    assert len(set(await form.ids(FORM, 0, 0.1, 2, 11.9))) == 1


async def test_a_source_can_count_by_the_hour(form: Form) -> None:
    first, repeated, later = await form.ids(FORM, 0, 0.9, 1.1, equal_bodies="hourly")

    assert first == repeated != later


async def test_a_source_can_count_equal_bodies_once_for_ever(form: Form) -> None:
    assert len(set(await form.ids(FORM, 0, 24 * 200, equal_bodies="once"))) == 1


@pytest.mark.parametrize(("mapping", "body"), [(WITH_TIME, TIMED), (WITH_ID, NUMBERED)])
async def test_a_body_with_a_time_or_an_id_of_its_own_counts_once_for_ever(
    form: Form, mapping: dict[str, Any], body: dict[str, Any]
) -> None:
    assert len(set(await form.ids(body, 0, 24 * 200, mapping=mapping))) == 1


async def test_a_body_that_no_rule_covers_counts_again_as_well(form: Form) -> None:
    first, second = await form.ids({"survey": 5}, 0, 24 * 200)

    assert first != second


async def test_a_provider_without_ids_in_its_items_is_named_the_same_way(
    client: httpx.AsyncClient, ingest: Ingest, database: FakeDatabase, event_log: ListLog
) -> None:
    """HubSpot's items have an id and a time; one that lacks both, as a workflow sends it, has a day."""
    of = made(database, SourceKind.HUBSPOT)
    assert isinstance(ingest.clock, ManualClock)
    item = {"subscriptionType": "contact.creation", "objectId": 201, "portalId": 33}

    await post(client, of, item)
    await post(client, of, {**item, "occurredAt": int(NOW.timestamp() * 1000)})

    days = [as_sent(each.message_id).rpartition("@")[2] for each in event_log.envelopes]
    assert days[0] == "2026-03-01"
    assert len(days[1]) > 64
