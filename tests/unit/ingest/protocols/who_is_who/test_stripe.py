"""Stripe's customers, whose addresses differ between checkout, invoice and customer."""

from typing import Any

from shared.sources.source import SourceKind
from tests.unit.ingest.protocols.webhooks.providers import payloads
from tests.unit.ingest.protocols.who_is_who.stories import Story, at

CUSTOMER = "external:stripe:customer:cus_4"


def stripe(story: Story, minute: int, kind: str, **thing: Any) -> None:
    item = payloads.happened(kind, **thing)
    item |= {"id": f"evt_{minute}", "created": round(at(minute).timestamp())}
    story.webhook(SourceKind.STRIPE, item)


def invoice(story: Story, minute: int, address: str) -> None:
    stripe(
        story, minute, "invoice.paid",
        object="invoice", id=f"in_{minute}", customer="cus_4", customer_email=address,
    )  # fmt: skip


def test_all_invoices_of_a_customer_are_the_account_of_the_person_of_any_of_its_addresses() -> None:
    story = Story()
    story.native(0, "Trial Started", email="ida@x.example", account_id="lindenwerk")
    invoice(story, 1, "ida@x.example")
    stripe(story, 2, "customer.updated", object="customer", id="cus_4", email="rechnung@x.example")
    invoice(story, 3, "rechnung@x.example")
    stripe(story, 4, "customer.subscription.updated", object="subscription", customer="cus_4")

    assert story.people() == [{CUSTOMER, "email:ida@x.example", "email:rechnung@x.example"}]
    assert story.subjects("Invoice Paid") == ["lindenwerk", "lindenwerk"]
    assert story.subjects("Subscription Changed") == ["lindenwerk"]


def test_an_address_typed_in_at_the_first_checkout_is_the_customers() -> None:
    story = Story()
    stripe(
        story, 1, "checkout.session.completed",
        object="checkout.session", id="cs_1", customer="cus_4",
        customer_details={"email": "einkauf@x.example"},
    )  # fmt: skip
    stripe(story, 2, "customer.created", object="customer", id="cus_4", email="ida@x.example")
    story.native(5, "Trial Started", user_id="ida", email="ida@x.example", account_id="lindenwerk")

    assert story.people() == [
        {"user:ida", CUSTOMER, "email:ida@x.example", "email:einkauf@x.example"}
    ]
    assert story.subjects("Checkout Completed") == ["lindenwerk"]
