"""What an event of a PostHog SDK means; the events are what the SDKs were seen to send."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.ingest.events.candidate import ForeignCandidate
from services.ingest.events.verdicts import RefusalCode, Refused
from services.ingest.protocols.posthog.event import RequestFields, to_candidate

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
UUID = "01a20393-ea82-77a0-a8aa-3550a7d5018a"
OTHER_UUID = "158798ed-1807-4df2-99c7-a872a8b65316"
SERVER = {"$lib": "posthog-python", "$lib_version": "7.91.1", "$is_server": True}


def touchpoint(
    event: str = "A", *, around: RequestFields | None = None, properties: Any = None, **sent: Any
) -> ForeignCandidate:
    candidate = to_candidate(
        {"event": event, "properties": properties, **sent}, around or RequestFields(received_at=NOW)
    )
    assert isinstance(candidate, ForeignCandidate), candidate
    return candidate


def refusal(**sent: Any) -> RefusalCode:
    candidate = to_candidate(
        {"event": "A", "distinct_id": "leah", **sent}, RequestFields(received_at=NOW)
    )
    assert isinstance(candidate, Refused)
    return candidate.code


@pytest.mark.parametrize(
    ("distinct_id", "properties", "is_user"),
    [
        ("leah", {}, True),
        (7, {}, True),
        ("leah", {"$is_identified": True, "$device_id": UUID}, True),
        (UUID, {"$is_identified": False, "$device_id": UUID}, False),
        ("leah", {"$is_identified": False}, False),
        (UUID, {"$user_state": "anonymous"}, False),
        ("leah", {"$user_state": "identified", "$device_id": "leah"}, True),
        (UUID, {"$device_id": UUID}, False),
        (OTHER_UUID, {"$device_id": UUID}, False),
        ("leah", {"$device_id": UUID, "$user_id": "leah"}, True),
        (UUID, {**SERVER, "$process_person_profile": False}, False),
        ("leah", {**SERVER, "$process_person_profile": False}, True),
        (UUID, SERVER, True),
    ],
    ids=str,
)
def test_a_distinct_id_is_a_users_unless_the_sender_shows_that_it_is_a_browsers(
    distinct_id: Any, properties: dict[str, Any], *, is_user: bool
) -> None:
    candidate = touchpoint(distinct_id=distinct_id, properties=properties)

    named = (candidate.user_id, candidate.anonymous_id)
    assert named == ((str(distinct_id), None) if is_user else (None, str(distinct_id)))


def test_identify_names_the_user_the_browser_and_what_is_known_of_them() -> None:
    beside: dict[str, Any] = {
        "$set": {"email": " leah@acme.example ", "title": "CFO"},
        "$set_once": {"first_seen": "x", "title": "CEO", "$initial_host": "y", "gclid": None},
    }

    candidate = touchpoint(
        "$identify",
        distinct_id="leah",
        properties={
            "$anon_distinct_id": UUID,
            "$device_id": UUID,
            "$is_identified": True,
            "$groups": {"company": "acme"},
        },
        **beside,
    )

    assert (candidate.type, candidate.event) == ("identify", "Person Identified")
    assert (candidate.user_id, candidate.anonymous_id, candidate.account_id) == (
        "leah",
        UUID,
        "acme",
    )
    assert candidate.email == "leah@acme.example"
    assert candidate.traits == {"first_seen": "x", "title": "CFO", "email": " leah@acme.example "}
    assert candidate.properties == {}


def test_a_browser_that_was_the_user_already_is_not_linked_to_itself() -> None:
    candidate = touchpoint(
        "$identify", distinct_id="leah", properties={"$anon_distinct_id": "leah"}
    )

    assert (candidate.user_id, candidate.anonymous_id) == ("leah", None)


@pytest.mark.parametrize("where", ["beside the properties", "among the properties"])
@pytest.mark.parametrize(
    ("event", "becomes"),
    [("$set", "Person Identified"), ("Order Completed", "Order Completed")],
)
def test_set_is_about_the_person_on_any_event(where: str, event: str, becomes: str) -> None:
    traits: dict[str, Any] = {"$set": {"plan": "pro"}, "$unset": ["trial"]}
    inside = traits if where == "among the properties" else {"$unset": ["trial"]}
    beside: dict[str, Any] = {} if where == "among the properties" else {"$set": {"plan": "pro"}}

    candidate = touchpoint(event, distinct_id="leah", properties=inside, **beside)

    assert (candidate.event, candidate.traits) == (becomes, {"plan": "pro", "trial": None})
    assert candidate.properties == {}


@pytest.mark.parametrize(
    ("event", "distinct_id", "properties", "user_id", "previous_id"),
    [
        ("$create_alias", "anon-1", {"alias": "leah", **SERVER}, "leah", "anon-1"),
        ("$create_alias", UUID, {"alias": "leah", "$is_identified": False}, "leah", UUID),
        ("$create_alias", "leah", {"alias": "leah-2", "$is_identified": True}, "leah", "leah-2"),
        ("$create_alias", "leah", {"alias": UUID, **SERVER}, "leah", UUID),
        ("$create_alias", UUID, {"alias": OTHER_UUID, **SERVER}, OTHER_UUID, UUID),
        ("$create_alias", "leah", {}, "leah", None),
        ("$merge_dangerously", "leah", {"alias": "old-leah"}, "leah", "old-leah"),
    ],
)
def test_an_alias_joins_the_name_so_far_to_the_one_that_stays(
    event: str,
    distinct_id: str,
    properties: dict[str, Any],
    user_id: str,
    previous_id: str | None,
) -> None:
    candidate = touchpoint(event, distinct_id=distinct_id, properties=properties)

    assert (candidate.type, candidate.event) == ("alias", "Person Aliased")
    assert (candidate.user_id, candidate.anonymous_id, candidate.previous_id) == (
        user_id,
        None,
        previous_id,
    )


@pytest.mark.parametrize(
    ("groups", "account_id"),
    [
        ({"company": "acme"}, "acme"),
        ({"project": "p1", "organization": "acme", "account": "a"}, "acme"),
        ({"project": "p1", "team": "t1"}, "p1"),
        ({"company": 42}, "42"),
        ({"company": " ", "team": "t1"}, "t1"),
        ({"company": None}, None),
        ({}, None),
        ("acme", None),
    ],
    ids=str,
)
def test_the_account_is_the_company_else_the_first_group(
    groups: Any, account_id: str | None
) -> None:
    candidate = touchpoint(distinct_id="leah", properties={"$groups": groups})

    assert candidate.account_id == account_id
    assert (candidate.context or {}).get("groups", {}) == {
        kind: str(key).strip()
        for kind, key in (groups.items() if isinstance(groups, dict) else ())
        if str(key or "").strip()
    }


def test_group_identify_tells_facts_about_the_account() -> None:
    candidate = touchpoint(
        "$groupidentify",
        distinct_id="leah",
        properties={
            "$group_type": "company",
            "$group_key": "acme",
            "$group_set": {"industry": "saas"},
            **SERVER,
        },
    )

    assert (candidate.type, candidate.event) == ("group", "Account Identified")
    assert (candidate.account_id, candidate.user_id) == ("acme", "leah")
    assert (candidate.account_traits, candidate.properties) == ({"industry": "saas"}, {})


@pytest.mark.parametrize("made_up", ["$company_acme", OTHER_UUID])
def test_what_a_server_puts_in_the_place_of_a_person_is_no_person(made_up: str) -> None:
    properties = {"$group_type": "company", "$group_key": "acme", **SERVER}

    candidate = touchpoint("$groupidentify", distinct_id=made_up, properties=properties)

    assert (candidate.account_id, candidate.user_id, candidate.anonymous_id) == ("acme", None, None)


def test_a_browser_that_names_its_group_is_a_person() -> None:
    properties = {
        "$group_type": "company",
        "$group_key": "acme",
        "$device_id": UUID,
        "$is_identified": False,
    }

    candidate = touchpoint("$groupidentify", distinct_id=UUID, properties=properties)

    assert (candidate.account_id, candidate.user_id, candidate.anonymous_id) == ("acme", None, UUID)


def test_facts_about_another_group_are_not_the_accounts() -> None:
    about = {"$group_type": "project", "$group_key": "p1", "$group_set": {"stars": 3}}

    candidate = touchpoint(
        "$groupidentify",
        distinct_id="leah",
        properties={**about, "$groups": {"company": "acme"}},
    )

    assert (candidate.type, candidate.event) == ("track", "Group Identified")
    assert (candidate.account_id, candidate.account_traits) == ("acme", None)
    assert candidate.properties == about
    assert candidate.context == {"groups": {"company": "acme", "project": "p1"}}


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
