"""The recorder: what it keeps of a request, what it leaves out, and what it counts."""

from collections.abc import Sequence
from datetime import timedelta

from prometheus_client import CollectorRegistry

from services.ingest.events.candidate import Candidate, ForeignCandidate
from services.ingest.events.verdicts import RefusalCode, Refused
from services.ingest.recorder import Recorder
from shared.contracts.envelope import Envelope
from shared.errors import DatabaseUnavailable
from shared.ids import WorkspaceId
from shared.keys.principal import SCOPES_OF_KIND, Principal
from shared.keys.token import KeyKind
from shared.sources.event import SourceEvent, SourceUsage
from shared.telemetry.metrics import Metrics
from tests.support.touchpoints import event
from tests.unit.ingest.conftest import NOW

NO_PERSON = Refused(RefusalCode.MISSING_IDENTITY, "Name somebody.")


class FakeDatabase:
    """Where the recorder writes to; nothing can be written while `is_away`."""

    def __init__(self) -> None:
        self.events: list[SourceEvent] = []
        self.usages: list[SourceUsage] = []
        self.is_away = False
        self.metrics = Metrics(CollectorRegistry())
        self.recorder = Recorder(self.write, self.metrics)

    async def write(self, events: Sequence[SourceEvent], usages: Sequence[SourceUsage]) -> None:
        if self.is_away:
            raise DatabaseUnavailable
        self.events += events
        self.usages += usages

    def lost(self, reason: str) -> float:
        name = "stageline_ingest_source_events_lost_total"
        return self.metrics.registry.get_sample_value(name, {"reason": reason}) or 0.0


def principal(source_id: str | None = "src_1") -> Principal:
    return Principal(
        workspace_id=WorkspaceId(1),
        key_id="k",
        kind=KeyKind.WRITE,
        scopes=SCOPES_OF_KIND[KeyKind.WRITE],
        source_id=source_id,
    )


def envelope(number: int = 1) -> Envelope:
    return event(message_id=f"m-{number}", email="ann@acme.example", account_id="acme")


def sent(database: FakeDatabase, count: int, source_id: str | None = "src_1") -> None:
    database.recorder.stored(
        [Candidate(event="Demo Requested")] * count,
        accepted=[envelope(number) for number in range(count)],
        principal=principal(source_id),
        received_at=NOW,
        route="/v1/touchpoints",
    )


def refused(database: FakeDatabase, count: int) -> None:
    database.recorder.stored(
        [Candidate(event="E")] * count,
        accepted=[],
        refused=[(number, NO_PERSON) for number in range(count)],
        principal=principal(),
        received_at=NOW,
        route="/v1/touchpoints",
    )


async def test_an_accepted_event_is_recorded_with_its_names_as_they_were_stored() -> None:
    database = FakeDatabase()
    sent(database, 1)
    await database.recorder.flush()

    (event,) = database.events
    assert (event.source_id, event.received_at, event.route) == ("src_1", NOW, "/v1/touchpoints")
    assert (event.outcome, event.code, event.detail) == ("accepted", None, None)
    assert (event.message_id, event.event) == ("m-0", "Demo Requested")
    assert (event.person, event.account_id) == ("email:ann@acme.example", "acme")


async def test_an_event_of_an_accounts_record_is_recorded_with_the_record() -> None:
    database = FakeDatabase()
    company = event(external_id="hubspot:deal:9", account_external_id="hubspot:company:701")

    database.recorder.stored(
        [Candidate(event="Deal Linked")],
        accepted=[company],
        principal=principal(),
        received_at=NOW,
        route="/v1/webhooks/hubspot",
    )
    await database.recorder.flush()

    (recorded,) = database.events
    assert (recorded.person, recorded.account_id) == (
        "external:hubspot:deal:9",
        "hubspot:company:701",
    )


async def test_of_what_was_not_stored_no_name_is_recorded() -> None:
    database = FakeDatabase()
    items: list[Candidate | Refused] = [
        NO_PERSON,
        ForeignCandidate(event="Signed Up", message_id="m-1", email="ann@acme.example"),
        ForeignCandidate(event="Signed Up", message_id="m-2", user_id="ann"),
    ]
    database.recorder.stored(
        items,
        accepted=[],
        refused=[(0, NO_PERSON), (1, Refused(RefusalCode.INVALID_EMAIL, "No e-mail."))],
        dropped=[(2, "no_consent")],
        principal=principal(),
        received_at=NOW,
        route="/v1/batch",
    )
    await database.recorder.flush()

    recorded = [(e.outcome, e.code, e.detail, e.message_id, e.event) for e in database.events]
    assert recorded == [
        ("refused", "missing_identity", "Name somebody.", None, None),
        ("refused", "invalid_email", "No e-mail.", "m-1", "Signed Up"),
        ("dropped", "no_consent", None, "m-2", "Signed Up"),
    ]
    assert {(e.person, e.account_id) for e in database.events} == {(None, None)}


async def test_labels_that_postgres_could_not_hold_are_repaired() -> None:
    database = FakeDatabase()
    items = [Candidate(event="a\x00b\ud800", message_id="\x00"), Candidate(event="é" * 9_000)]
    database.recorder.stored(
        items,
        accepted=[],
        refused=[(0, NO_PERSON), (1, NO_PERSON)],
        principal=principal(),
        received_at=NOW,
        route="/",
    )
    await database.recorder.flush()

    assert [(e.message_id, e.event) for e in database.events] == [(None, "ab?"), (None, "é" * 255)]


async def test_keys_without_a_source_are_recorded_as_none() -> None:
    database = FakeDatabase()
    sent(database, 3, source_id=None)
    database.recorder.rejected(
        principal(None), code="too_deep", detail="", received_at=NOW, route="/"
    )
    await database.recorder.flush()

    shown = [(event.source_id, event.outcome.value) for event in database.events]
    assert shown == [("none", "accepted")] * 3 + [("none", "refused")]
    assert [(u.source_id, u.accepted) for u in database.usages] == [("none", 3)]


async def test_an_erasure_is_recorded_without_the_name_that_it_removes() -> None:
    database = FakeDatabase()
    database.recorder.stored(
        [Candidate(event="Erase")],
        accepted=[event(message_id="m-1", email="ann@acme.example", type="erase")],
        principal=principal(None),
        received_at=NOW,
        route="/",
    )
    await database.recorder.flush()

    (shown,) = database.events
    assert (shown.message_id, shown.person) == ("m-1", None)


async def test_many_accepted_events_are_counted_all_and_shown_in_part() -> None:
    database = FakeDatabase()
    sent(database, 1_000)
    sent(database, 1_000)
    sent(database, 5, source_id="src_2")
    refused(database, 7)
    await database.recorder.flush()

    shown = [(event.source_id, event.outcome.value) for event in database.events]
    assert shown.count(("src_1", "accepted")) == 10
    assert shown.count(("src_2", "accepted")) == 5
    assert shown.count(("src_1", "refused")) == 7
    assert [(u.source_id, u.accepted, u.refused) for u in database.usages] == [
        ("src_1", 2_000, 7),
        ("src_2", 5, 0),
    ]
    assert database.lost("full") == 0


async def test_refusals_are_bounded_too_and_each_interval_begins_again() -> None:
    database = FakeDatabase()
    refused(database, 500)
    database.recorder.rejected(principal(), code="too_deep", detail="", received_at=NOW, route="/")
    await database.recorder.flush()
    first = len(database.events)
    refused(database, 500)
    await database.recorder.flush()

    assert (first, len(database.events)) == (40, 80)
    assert [usage.refused for usage in database.usages] == [500, 500]


async def test_a_request_turned_away_is_one_row_and_no_usage() -> None:
    database = FakeDatabase()
    database.recorder.rejected(
        principal(), code="malformed_json", detail="No JSON.", received_at=NOW, route="/v1/batch"
    )
    await database.recorder.flush()

    (event,) = database.events
    assert (event.outcome, event.code, event.detail) == ("refused", "malformed_json", "No JSON.")
    assert (event.event, event.message_id, event.route) == (None, None, "/v1/batch")
    assert database.usages == []


async def test_what_cannot_be_written_is_lost_and_counted_and_usage_is_added_later() -> None:
    database = FakeDatabase()
    database.is_away = True
    sent(database, 3)
    await database.recorder.flush()
    sent(database, 2)
    await database.recorder.flush()
    database.is_away = False
    sent(database, 1)
    await database.recorder.flush()
    await database.recorder.flush()

    assert len(database.events) == 1
    assert [usage.accepted for usage in database.usages] == [6]
    assert database.lost("database") == 5


async def test_usage_belongs_to_the_utc_day_of_arrival() -> None:
    database = FakeDatabase()
    for received_at in (NOW, NOW + timedelta(days=1)):
        database.recorder.stored(
            [Candidate(event="E")],
            accepted=[envelope()],
            principal=principal(),
            received_at=received_at,
            route="/",
        )
    await database.recorder.flush()

    assert [(usage.day.isoformat(), usage.accepted) for usage in database.usages] == [
        ("2026-03-01", 1),
        ("2026-03-02", 1),
    ]


async def test_what_is_held_is_bounded_over_all_sources() -> None:
    database = FakeDatabase()
    for number in range(250):
        sent(database, 10, source_id=f"src_{number}")
    await database.recorder.flush()

    assert len(database.events) == 2_000
    assert database.lost("full") == 500
