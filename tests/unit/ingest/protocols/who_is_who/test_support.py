"""Zendesk and Intercom by their ready mappings: a corrected address, a contact that leaves its company."""

from typing import Any

import yaml

from shared.sources import mappings
from shared.sources.mapping import CompiledMapping, compile_mapping
from shared.sources.source import SourceKind
from tests.unit.ingest.protocols.who_is_who.stories import Story, at


def mapping(name: str) -> CompiledMapping:
    return compile_mapping(yaml.safe_load(mappings.read(name)))


def intercom(story: Story, minute: int, topic: str, item: dict[str, Any]) -> None:
    sent = {"id": f"i{minute}", "topic": topic, "created_at": round(at(minute).timestamp())}
    story.webhook(SourceKind.GENERIC, {**sent, "data": {"item": item}}, mapping("intercom"))


def zendesk(story: Story, minute: int, kind: str, detail: dict[str, Any]) -> None:
    sent = {"id": f"z{minute}", "type": f"zen:event-type:{kind}", "time": at(minute).isoformat()}
    story.webhook(SourceKind.GENERIC, {**sent, "detail": detail, "event": {}}, mapping("zendesk"))


def test_a_corrected_address_at_intercom_leaves_one_person() -> None:
    story = Story()
    intercom(story, 1, "contact.user.created", {"id": "5ba6", "email": "jonsa@x.example"})
    intercom(story, 60, "contact.email.updated", {"id": "5ba6", "email": "jonas@x.example"})
    story.native(120, "Trial Started", user_id="jonas-1", email="jonas@x.example")

    contact = "external:intercom:contact:5ba6"
    assert story.people() == [
        {"user:jonas-1", contact, "email:jonsa@x.example", "email:jonas@x.example"}
    ]


def test_a_contact_that_intercom_detached_is_in_the_company_no_longer() -> None:
    story = Story()
    contact = {"id": "5ba6", "external_id": "ann"}
    both = {"company": {"company_id": "acme"}, "contact": contact}
    intercom(story, 1, "company.contact.attached", both)
    story.native(2, "Trial Started", user_id="ann")
    intercom(story, 3, "company.contact.detached", both)
    story.native(4, "Order Completed", user_id="ann")

    assert story.subjects("Trial Started") == ["acme"]
    assert story.subjects("Order Completed") == ["user:ann"]


def test_a_user_of_zendesk_is_one_person_with_its_tickets_and_its_id() -> None:
    story = Story()
    zendesk(story, 1, "ticket.created", {"id": 7, "requester_id": 20, "organization_id": 10})
    zendesk(story, 2, "user.created", {"id": 20, "external_id": "ann", "email": "ann@x.example"})
    story.native(3, "Trial Started", user_id="ann")

    assert story.people() == [{"user:ann", "external:zendesk:user:20", "email:ann@x.example"}]
    assert story.subjects("Ticket Opened") == ["zendesk:organization:10"]
    assert story.subjects("Trial Started") == ["zendesk:organization:10"]
