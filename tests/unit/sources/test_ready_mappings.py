"""The ready mappings, by the adapter that uses them; payloads as their senders document them."""

from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from services.ingest.events.candidate import ForeignCandidate
from services.ingest.protocols.webhooks.parse import DeliveryContext, parse_item
from shared.sources import mappings
from shared.sources.mapping import compile_mapping
from shared.sources.source import SourceKind, SourceSettings

AT = datetime(2026, 3, 1, 11, 30, tzinfo=UTC)


def touchpoints_of(name: str, item: dict[str, Any]) -> list[ForeignCandidate]:
    way = DeliveryContext(
        kind=SourceKind.GENERIC,
        source_id="src-1",
        settings=SourceSettings(),
        mapping=compile_mapping(yaml.safe_load(mappings.read(name))),
    )
    items = parse_item(item, way)
    assert all(isinstance(each, ForeignCandidate) for each in items)
    return [each for each in items if isinstance(each, ForeignCandidate)]


def zendesk(kind: str, **event: str) -> dict[str, Any]:
    return {
        "account_id": 22129848,
        "id": "01HZ",
        "type": f"zen:event-type:{kind}",
        "time": "2026-03-01T11:30:00.123456Z",
        "zendesk_event_version": "2022-11-06",
        "subject": "zen:ticket:35436",
        "detail": {
            "id": "35436",
            "organization_id": "10002",
            "requester_id": "20978392",
            "priority": "LOW",
            "status": "SOLVED",
            "subject": "Invoices are hard to find",
            "tags": ["enterprise"],
            "via": {"channel": "web"},
        },
        "event": event,
    }


def test_there_are_mappings_for_two_support_systems() -> None:
    assert mappings.names() == ["intercom", "zendesk"]
    with pytest.raises(KeyError):
        mappings.read("../source")


def test_a_ticket_of_zendesk_is_opened_solved_and_opened_again() -> None:
    opened, solved, reopened = (
        touchpoints_of("zendesk", each)[0]
        for each in (
            zendesk("ticket.created"),
            zendesk("ticket.status_changed", current="SOLVED", previous="OPEN"),
            zendesk("ticket.status_changed", current="OPEN", previous="SOLVED"),
        )
    )

    assert (opened.event, solved.event, reopened.event) == (
        "Ticket Opened",
        "Ticket Solved",
        "Ticket Reopened",
    )
    assert (opened.external_id, opened.account_external_id, opened.question) == (
        "zendesk:user:20978392",
        "zendesk:organization:10002",
        "Invoices are hard to find",
    )
    assert opened.message_id == "generic:src-1:01HZ"
    assert opened.occurred_at == AT.replace(microsecond=123456)
    assert opened.properties == {
        "ticket_id": "35436",
        "subject": "Invoices are hard to find",
        "status": "SOLVED",
        "priority": "LOW",
        "tags": ["enterprise"],
        "via": "web",
    }


def test_other_changes_of_a_ticket_are_known_and_not_wanted() -> None:
    assert touchpoints_of("zendesk", zendesk("ticket.tags_changed")) == []


def test_what_zendesk_says_beyond_tickets_and_users_waits_for_a_mapping() -> None:
    (touchpoint,) = touchpoints_of("zendesk", zendesk("organization.created"))

    assert (touchpoint.type, touchpoint.event) == (
        "unmapped",
        "zen:event-type:organization.created",
    )


@pytest.mark.parametrize(("rating", "score"), [("Good", 5), ("Bad", 1)])
def test_a_rating_of_zendesk_is_an_answered_survey(rating: str, score: int) -> None:
    item = {
        "type": "satisfaction",
        "id": "rating-1",
        "requester_id": 20978392,
        "email": "ann@acme.example",
        "rating": rating,
        "reason": "The issue took too long to resolve",
        "comment": "Three days!",
        "ticket_id": 35436,
    }

    (touchpoint,) = touchpoints_of("zendesk", item)

    assert (touchpoint.event, touchpoint.survey, touchpoint.score, touchpoint.sentiment) == (
        "Survey Answered",
        "csat",
        score,
        score,
    )
    assert (touchpoint.friction, touchpoint.thought, touchpoint.email) == (
        "process delay",
        "Three days!",
        "ann@acme.example",
    )


def intercom(topic: str, item: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "notification_event",
        "app_id": "a86dr8yl",
        "id": "notif_1",
        "topic": topic,
        "created_at": int(AT.timestamp()),
        "delivery_attempts": 1,
        "data": {"type": "notification_event_data", "item": item},
    }


CONVERSATION = {
    "type": "conversation",
    "id": "147",
    "priority": "not_priority",
    "source": {"subject": "Where are the seats?", "author": {"email": "ann@acme.example"}},
    "contacts": {"contacts": [{"type": "contact", "id": "5ba6", "external_id": "ann"}]},
    "tags": {"tags": [{"name": "billing"}]},
    "conversation_rating": {"rating": 2, "remark": "Slow"},
}


def test_a_conversation_of_intercom_is_opened_rated_and_closed() -> None:
    opened, rated, closed = (
        touchpoints_of("intercom", intercom(topic, CONVERSATION))[0]
        for topic in (
            "conversation.user.created",
            "conversation.rating.added",
            "conversation.admin.closed",
        )
    )

    assert (opened.event, rated.event, closed.event) == (
        "Ticket Opened",
        "Survey Answered",
        "Ticket Solved",
    )
    assert (opened.user_id, opened.external_id, opened.email, opened.occurred_at) == (
        "ann",
        "intercom:contact:5ba6",
        "ann@acme.example",
        AT,
    )
    assert (rated.survey, rated.score, rated.sentiment, rated.thought) == ("csat", 2, 2, "Slow")
    assert closed.properties == {
        "ticket_id": "147",
        "priority": "not_priority",
        "tags": ["billing"],
    }


def test_a_contact_of_intercom_at_a_company_names_person_and_account() -> None:
    (touchpoint,) = touchpoints_of(
        "intercom",
        intercom(
            "company.contact.attached",
            {
                "company": {"id": "c1", "company_id": "acme", "name": "Acme"},
                "contact": {"id": "5ba6", "external_id": "ann", "email": "ann@acme.example"},
            },
        ),
    )

    assert (touchpoint.account_id, touchpoint.user_id, touchpoint.account_traits) == (
        "acme",
        "ann",
        {"name": "Acme"},
    )


def test_a_contact_of_intercom_leaves_its_company() -> None:
    (touchpoint,) = touchpoints_of(
        "intercom",
        intercom(
            "company.contact.detached",
            {"company": {"id": "c1", "company_id": "acme"}, "contact": {"id": "5ba6"}},
        ),
    )

    assert (touchpoint.type, touchpoint.external_id, touchpoint.account_id) == (
        "leave",
        "intercom:contact:5ba6",
        "acme",
    )


def test_intercoms_ping_is_no_touchpoint() -> None:
    assert touchpoints_of("intercom", intercom("ping", {})) == []


def of_user(kind: str, event: dict[str, Any], separator: str = ":") -> dict[str, Any]:
    item = zendesk(kind)
    detail = {"id": "20978392", "email": "ann@acme.example", "external_id": "", "role": "end-user"}
    return {**item, "type": f"zen:event-type{separator}{kind}", "detail": detail, "event": event}


@pytest.mark.parametrize("separator", [":", "/"])
@pytest.mark.parametrize("kind", ["user.identity_created", "user.identity_changed"])
def test_a_further_address_of_a_zendesk_user_is_a_name_of_theirs(kind: str, separator: str) -> None:
    address = {"id": "1", "primary": False, "type": "email", "value": "ann@home.example"}

    [updated] = touchpoints_of("zendesk", of_user(kind, {"current": address}, separator))

    assert (updated.type, updated.event) == ("identify", "Contact Updated")
    assert (updated.external_id, updated.email) == ("zendesk:user:20978392", "ann@home.example")


def test_an_identity_of_zendesk_that_is_no_address_is_kept_for_a_rule() -> None:
    number = {"id": "1", "primary": False, "type": "phone_number", "value": "+49301234"}

    [kept] = touchpoints_of("zendesk", of_user("user.identity_created", {"current": number}))

    assert kept.type == "unmapped"


@pytest.mark.parametrize("separator", [":", "/"])
def test_merged_users_of_zendesk_are_one_person(separator: str) -> None:
    [merged] = touchpoints_of(
        "zendesk", of_user("user.merged", {"user": {"id": "35436"}}, separator)
    )

    assert (merged.type, merged.event) == ("alias", "Contact Merged")
    assert (merged.external_id, merged.previous_id) == (
        "zendesk:user:20978392",
        "zendesk:user:35436",
    )


def test_a_merge_of_intercom_names_the_contact_that_is_left() -> None:
    item = {
        "type": "notification_event",
        "id": "notif_1",
        "topic": "contact.merged",
        "created_at": 1772364600,
        "data": {"item": {"id": "5ba6", "external_id": "ann", "email": "ann@acme.example"}},
    }

    [updated] = touchpoints_of("intercom", item)

    assert (updated.type, updated.event) == ("identify", "Contact Updated")
    assert (updated.external_id, updated.user_id) == ("intercom:contact:5ba6", "ann")
