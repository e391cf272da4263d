from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.events.candidate import Candidate, ForeignCandidate, build, build_native
from services.ingest.events.verdicts import RefusalCode, Refused
from services.ingest.validation import ClockCorrection, Validated, shared_fields, validate
from shared.contracts.envelope import Envelope
from shared.ids import DEFAULT_WORKSPACE
from shared.keys.principal import Principal, Scope
from shared.keys.token import KeyKind

RECEIVED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PRINCIPAL = Principal(
    workspace_id=DEFAULT_WORKSPACE,
    key_id="0123456789ab",
    kind=KeyKind.WRITE,
    scopes=frozenset({Scope.EVENTS_WRITE}),
)


def at(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def decide(occurred_at: datetime | None, sent_at: datetime | None = None) -> Validated | Refused:
    candidate = Candidate(event="A", user_id="u", occurred_at=occurred_at, sent_at=sent_at)
    return validate(candidate, shared_fields(PRINCIPAL, RECEIVED))


@pytest.mark.parametrize(
    ("stated", "sent", "occurred", "original", "correction"),
    [
        (None, None, "2026-03-01T12:00:00+00:00", None, "none"),
        (None, "2026-03-01T09:00:00Z", "2026-03-01T12:00:00+00:00", None, "none"),
        ("2026-03-01T11:00:00Z", None, "2026-03-01T11:00:00+00:00", None, "none"),
        (
            "2026-03-01T11:00:00+05:30", None,
            "2026-03-01T05:30:00+00:00", None, "none",
        ),
        (
            "2026-03-01T12:00:00.4Z", None,
            "2026-03-01T12:00:00+00:00", "2026-03-01T12:00:00.400000+00:00", "none",
        ),
        (
            "2031-01-01T00:00:00Z", None,
            "2026-03-01T12:00:00+00:00", "2031-01-01T00:00:00+00:00", "clamped",
        ),
        (
            "2026-03-01T08:59:00Z", "2026-03-01T09:00:00Z",
            "2026-03-01T11:59:00+00:00", "2026-03-01T08:59:00+00:00", "sent_at",
        ),
        (
            "2026-03-02T09:59:00Z", "2026-03-02T10:00:00Z",
            "2026-03-01T11:59:00+00:00", "2026-03-02T09:59:00+00:00", "sent_at",
        ),
        (
            "2026-03-01T11:59:00Z", "2026-03-01T11:59:59.9Z",
            "2026-03-01T11:59:00+00:00", None, "none",
        ),
        (
            "2026-03-01T09:05:00Z", "2026-03-01T09:00:00Z",
            "2026-03-01T12:00:00+00:00", "2026-03-01T09:05:00+00:00", "clamped",
        ),
        (
            "9999-12-31T23:59:59Z", "1971-01-01T00:00:00Z",
            "2026-03-01T12:00:00+00:00", "9999-12-31T23:59:59+00:00", "clamped",
        ),
        (
            "2026-03-01T11:00:00Z", "1970-01-01T00:00:00Z",
            "2026-03-01T11:00:00+00:00", None, "none",
        ),
        (
            "2026-03-01T11:00:00Z", "0001-01-01T00:00:00Z",
            "2026-03-01T11:00:00+00:00", None, "none",
        ),
        (
            "2026-03-01T11:00:00Z", "2099-01-01T00:00:00Z",
            "2026-03-01T11:00:00+00:00", None, "none",
        ),
    ],
    ids=[
        "no time is now", "a clock alone corrects nothing", "a past time stands",
        "an offset is turned to UTC", "a moment ahead is now", "the future is now",
        "a slow clock", "a fast clock", "the way through the network", "after it was sent",
        "beyond the calendar", "a clock at zero", "a clock before its zero", "a clock decades ahead",
    ],
)  # fmt: skip
def test_the_time_is_corrected_by_the_sender_s_clock_and_never_ahead(
    stated: str | None, sent: str | None, occurred: str, original: str | None, correction: str
) -> None:
    verdict = decide(at(stated), at(sent))

    assert isinstance(verdict, Validated)
    assert verdict.envelope.occurred_at.isoformat() == occurred
    assert verdict.envelope.original_timestamp == original
    assert verdict.correction == correction


@pytest.mark.parametrize(
    ("stated", "sent"),
    [
        ("1969-12-31T23:59:59Z", None),
        ("0001-01-01T00:00:00Z", None),
        ("1970-01-01T00:00:00Z", None),
        ("1970-01-01T00:00:00Z", "2026-03-01T11:00:00Z"),
    ],
)
def test_a_time_not_after_1970_began_is_a_missing_date(stated: str, sent: str | None) -> None:
    verdict = decide(at(stated), at(sent))

    assert isinstance(verdict, Refused)
    assert verdict.code is RefusalCode.INVALID_OCCURRED_AT


offsets = st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours)))
instants = st.datetimes(timezones=offsets)


@given(stated=st.none() | instants, sent=st.none() | instants)
def test_whatever_the_clocks_say_an_admitted_event_lies_in_the_past_in_utc(
    stated: datetime | None, sent: datetime | None
) -> None:
    verdict = decide(stated, sent)

    if isinstance(verdict, Validated):
        assert verdict.envelope.occurred_at <= RECEIVED
        assert verdict.envelope.occurred_at > datetime(1970, 1, 1, tzinfo=UTC)
        assert verdict.envelope.occurred_at.utcoffset() == timedelta(0)
    else:
        assert verdict.code is RefusalCode.INVALID_OCCURRED_AT


def test_the_correction_of_an_honest_clock_is_none() -> None:
    verdict = decide(RECEIVED - timedelta(days=1), RECEIVED)

    assert isinstance(verdict, Validated)
    assert verdict.correction is ClockCorrection.NONE


def envelope(candidate: Candidate) -> Envelope:
    verdict = validate(candidate, shared_fields(PRINCIPAL, RECEIVED))
    assert isinstance(verdict, Validated), verdict
    return verdict.envelope


@pytest.mark.parametrize("name", ["external_id", "account_external_id"])
def test_a_record_alone_is_a_name(name: str) -> None:
    candidate = build_native({"event": "A", name: " hubspot:contact:8301 "})

    assert isinstance(candidate, Candidate)
    assert getattr(envelope(candidate), name) == "hubspot:contact:8301"


def test_fields_of_foreign_statements_reach_the_envelope() -> None:
    stored = envelope(
        ForeignCandidate(
            event="Contact Merged",
            type="alias",
            external_id="hubspot:contact:1",
            previous_names=[
                "email:Ann@X.example",
                "external:hubspot:contact:2",
                "email:ann@x.example",
            ],
            is_about_record=True,
            reason=" a duplicate ",
        )
    )

    assert stored.previous_names == ["email:ann@x.example", "external:hubspot:contact:2"]
    assert stored.is_about_record
    assert stored.reason == "a duplicate"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("previous_names", ["ann"], RefusalCode.INVALID_PREVIOUS_NAMES),
        ("previous_names", ["user: "], RefusalCode.INVALID_PREVIOUS_NAMES),
        ("account_external_id", "user:ann", RefusalCode.INVALID_ACCOUNT_EXTERNAL_ID),
    ],
)
def test_names_of_the_wrong_kind_are_refused(field: str, value: object, code: RefusalCode) -> None:
    candidate = build({"event": "A", "user_id": "u", field: value})
    assert isinstance(candidate, Candidate)

    verdict = validate(candidate, shared_fields(PRINCIPAL, RECEIVED))

    assert isinstance(verdict, Refused)
    assert verdict.code is code
