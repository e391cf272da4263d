"""What a PostHog event says beside its person: page, campaign, id, time; and what is refused."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.ingest.events.verdicts import RefusalCode, Refused
from services.ingest.protocols.posthog.event import RequestFields, to_candidate
from tests.unit.ingest.protocols.posthog.candidates import NOW, UUID, touchpoint


def refusal(**sent: Any) -> RefusalCode:
    candidate = to_candidate(
        {"event": "A", "distinct_id": "leah", **sent}, RequestFields(received_at=NOW)
    )
    assert isinstance(candidate, Refused)
    return candidate.code


def test_a_page_has_its_place_and_campaign_and_keeps_its_properties() -> None:
    candidate = touchpoint(
        "$pageview",
        distinct_id=UUID,
        properties={
            "$current_url": "https://shop.example/pricing?utm_source=news",
            "$pathname": "/pricing",
            "$referrer": "https://search.example/",
            "$raw_user_agent": "Mozilla/5.0",
            "$browser_language": "de-DE",
            "$timezone": "Europe/Berlin",
            "$session_id": "s-1",
            "$device_id": UUID,
            "$is_identified": False,
            "$ip": "203.0.113.9",
            "$lib": "web",
            "$lib_version": "1.449.2",
            "$browser": "Chrome",
            "title": "Pricing",
            "utm_source": "news",
            "utm_campaign": "spring",
            "utm_medium": None,
            "gclid": None,
            "token": "sl_wk_1_2",
            "distinct_id": UUID,
        },
    )

    assert (candidate.type, candidate.event, candidate.anonymous_id) == (
        "page",
        "Page Viewed",
        UUID,
    )
    assert candidate.properties == {
        "url": "https://shop.example/pricing?utm_source=news",
        "path": "/pricing",
        "referrer": "https://search.example/",
        "title": "Pricing",
        "$browser": "Chrome",
        "utm_source": "news",
        "utm_campaign": "spring",
    }
    assert candidate.context == {
        "ip": "203.0.113.9",
        "userAgent": "Mozilla/5.0",
        "locale": "de-DE",
        "timezone": "Europe/Berlin",
        "sessionId": "s-1",
        "device": {"id": UUID},
        "library": {"name": "web", "version": "1.449.2"},
        "page": {
            "url": "https://shop.example/pricing?utm_source=news",
            "path": "/pricing",
            "referrer": "https://search.example/",
        },
    }
    assert candidate.campaign is not None
    assert (candidate.campaign.source, candidate.campaign.name) == ("news", "spring")


def test_the_campaign_may_stand_in_the_address_of_the_page_alone() -> None:
    url = "https://shop.example/?utm_source=news&utm_medium=email"

    candidate = touchpoint(distinct_id="leah", properties={"$current_url": url})

    assert candidate.campaign is not None
    assert (candidate.campaign.source, candidate.campaign.medium) == ("news", "email")


def test_a_page_that_was_opened_directly_has_no_referrer() -> None:
    candidate = touchpoint("$pageview", distinct_id="leah", properties={"$referrer": "$direct"})

    assert (candidate.properties, candidate.context) == ({}, {})


def test_a_screen_is_named() -> None:
    candidate = touchpoint("$screen", distinct_id="leah", properties={"$screen_name": "Invoices"})

    assert (candidate.type, candidate.event) == ("screen", "Screen Viewed")
    assert candidate.properties == {"name": "Invoices", "$screen_name": "Invoices"}


@pytest.mark.parametrize("event", ["$autocapture", "$pageleave", "$web_vitals", "$exception"])
def test_other_events_of_the_sdk_keep_their_names(event: str) -> None:
    candidate = touchpoint(event, distinct_id="leah", properties={"$event_type": "click"})

    assert (candidate.type, candidate.event) == ("track", event)
    assert candidate.properties == {"$event_type": "click"}


@pytest.mark.parametrize(
    ("sent", "properties", "message_id"),
    [
        ({"uuid": UUID}, {"$insert_id": "abc"}, UUID),
        ({}, {"$insert_id": "9dy8fbopsuadh134"}, "9dy8fbopsuadh134"),
        ({"uuid": ""}, {}, None),
    ],
)
def test_the_uuid_names_the_event(
    sent: dict[str, Any], properties: dict[str, Any], message_id: str | None
) -> None:
    candidate = touchpoint(distinct_id="leah", properties=properties, **sent)

    assert candidate.message_id == message_id
    assert candidate.properties == {}


SENT = NOW + timedelta(hours=2)
HISTORY = RequestFields(received_at=NOW, sent_at=SENT, is_historical=True)
CLOCK = RequestFields(received_at=NOW, sent_at=SENT)


@pytest.mark.parametrize(
    ("sent", "properties", "around", "occurred_at", "sent_at"),
    [
        ({"timestamp": "2026-03-01T13:59:00Z"}, {}, CLOCK, SENT - timedelta(minutes=1), SENT),
        ({"timestamp": "2026-03-01T13:59:00Z"}, {}, HISTORY, SENT - timedelta(minutes=1), None),
        (
            {"timestamp": "2026-03-01T13:59:00Z"},
            {"$ignore_sent_at": True},
            CLOCK,
            SENT - timedelta(minutes=1),
            None,
        ),
        (
            {
                "timestamp": "2026-03-01T13:59:00Z",
                "options": {"disable_skew_correction": True},
            },
            {},
            CLOCK,
            SENT - timedelta(minutes=1),
            None,
        ),
        (
            {"timestamp": "2026-03-01T13:59:00Z", "sent_at": "2026-03-01T14:00:01Z"},
            {},
            CLOCK,
            SENT - timedelta(minutes=1),
            SENT + timedelta(seconds=1),
        ),
        ({"timestamp": "2026-03-01T11:00:00"}, {}, CLOCK, NOW - timedelta(hours=1), SENT),
        ({"offset": 90_000}, {}, CLOCK, NOW - timedelta(seconds=90), None),
        ({"offset": -5}, {}, CLOCK, NOW, None),
        ({"offset": "90"}, {}, CLOCK, None, None),
        ({"offset": float("nan")}, {}, CLOCK, None, None),
        ({}, {}, CLOCK, None, None),
    ],
)
def test_times_are_read_by_the_clock_that_they_come_from(
    sent: dict[str, Any],
    properties: dict[str, Any],
    around: RequestFields,
    occurred_at: datetime | None,
    sent_at: datetime | None,
) -> None:
    candidate = touchpoint(distinct_id="leah", properties=properties, around=around, **sent)

    assert (candidate.occurred_at, candidate.sent_at) == (occurred_at, sent_at)


def test_the_newest_call_lifts_properties_out_of_their_place() -> None:
    around = RequestFields(received_at=NOW, library={"name": "posthog-node", "version": "5.70.0"})

    candidate = touchpoint(
        distinct_id=UUID,
        session_id="s-1",
        options={"process_person_profile": False},
        around=around,
    )

    assert (candidate.anonymous_id, candidate.user_id, candidate.properties) == (UUID, None, {})
    assert candidate.context == {
        "library": {"name": "posthog-node", "version": "5.70.0"},
        "sessionId": "s-1",
    }


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"event": None}, RefusalCode.MISSING_EVENT),
        ({"event": 5}, RefusalCode.INVALID_EVENT),
        ({"event": ["$pageview"]}, RefusalCode.INVALID_EVENT),
        ({"event": "x" * 256}, RefusalCode.INVALID_EVENT),
        ({"distinct_id": {"$ne": 1}}, RefusalCode.INVALID_USER_ID),
        ({"distinct_id": "x" * 513}, RefusalCode.INVALID_USER_ID),
        ({"properties": [1]}, RefusalCode.INVALID_PROPERTIES),
        ({"properties": "x"}, RefusalCode.INVALID_PROPERTIES),
        ({"properties": {"$groups": {"company": ["acme"]}}}, RefusalCode.INVALID_ACCOUNT_ID),
        ({"$set": "pro"}, RefusalCode.INVALID_TRAITS),
        ({"properties": {"$set_once": [1]}}, RefusalCode.INVALID_TRAITS),
        ({"timestamp": "last week"}, RefusalCode.INVALID_OCCURRED_AT),
        ({"timestamp": {"at": 1}}, RefusalCode.INVALID_OCCURRED_AT),
        ({"offset": 1e300}, RefusalCode.INVALID_OCCURRED_AT),
        ({"uuid": "x" * 101}, RefusalCode.INVALID_MESSAGE_ID),
        ({"uuid": [1]}, RefusalCode.INVALID_MESSAGE_ID),
        (
            {
                "event": "$groupidentify",
                "properties": {
                    "$group_type": "company",
                    "$group_key": "acme",
                    "$group_set": [1],
                },
            },
            RefusalCode.INVALID_ACCOUNT_TRAITS,
        ),
    ],
    ids=str,
)
def test_what_has_the_wrong_form_is_refused_by_name(
    sent: dict[str, Any], code: RefusalCode
) -> None:
    assert refusal(**sent) is code
