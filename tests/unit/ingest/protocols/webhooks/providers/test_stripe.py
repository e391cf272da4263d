"""What each event of Stripe becomes; expectations are written by hand."""

from typing import Any

import pytest

from services.ingest.events.candidate import ForeignCandidate
from services.ingest.protocols.webhooks.parse import DeliveryContext, parse_item
from services.ingest.protocols.webhooks.providers.stripe import major_units
from shared.sources.source import SourceKind, SourceSettings
from tests.unit.ingest.protocols.webhooks.providers.payloads import happened
from tests.unit.ingest.protocols.webhooks.senders import parsed

CUSTOMER: dict[str, Any] = {"external_id": "stripe:customer:cus_1", "channel": "billing"}
INVOICE: dict[str, Any] = {
    "object": "invoice",
    "id": "in_1",
    "customer": "cus_1",
    "customer_email": "ann@acme.example",
    "currency": "eur",
    "amount_paid": 1999,
    "amount_due": 1999,
}
SUBSCRIPTION: dict[str, Any] = {
    "object": "subscription",
    "id": "sub_1",
    "customer": {"id": "cus_1"},
    "status": "active",
    "currency": "jpy",
    "items": {
        "data": [
            {"price": {"id": "p1", "unit_amount": 500, "recurring": {"interval": "month"}}, "quantity": 3}
        ]
    },
}  # fmt: skip
PRICED: dict[str, Any] = {
    "value": 1500.0,
    "properties": {
        "subscription_id": "sub_1",
        "status": "active",
        "currency": "jpy",
        "interval": "month",
        "quantity": 3,
        "price_id": "p1",
    },
}
WITH_EMAIL = {**CUSTOMER, "email": "ann@acme.example"}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (
            happened("invoice.paid", **INVOICE, billing_reason="subscription_cycle"),
            [
                {
                    **WITH_EMAIL,
                    "event": event,
                    "value": 19.99,
                    "properties": {
                        "invoice_id": "in_1",
                        "currency": "eur",
                        "billing_reason": "subscription_cycle",
                    },
                }
                for event in ("Invoice Paid", "Subscription Renewed")
            ],
        ),
        (
            happened("invoice.payment_failed", **INVOICE, attempt_count=2),
            [
                {
                    **WITH_EMAIL,
                    "event": "Payment Failed",
                    "friction": "payment failed",
                    "value": 19.99,
                    "properties": {"invoice_id": "in_1", "currency": "eur", "attempt_count": 2},
                }
            ],
        ),
        (
            happened("customer.subscription.created", **SUBSCRIPTION),
            [{**CUSTOMER, "event": "Subscription Started", **PRICED}],
        ),
        (
            happened(
                "customer.subscription.updated",
                {"cancel_at_period_end": False},
                **SUBSCRIPTION,
                cancel_at_period_end=True,
                cancellation_details={"feedback": "too_expensive", "comment": "No budget"},
            ),
            [
                {
                    **CUSTOMER,
                    "event": "Cancellation Scheduled",
                    **PRICED,
                    "friction": "too_expensive",
                    "thought": "No budget",
                }
            ],
        ),
        (
            happened("customer.subscription.updated", {"status": "trialing"}, **SUBSCRIPTION),
            [
                {
                    **CUSTOMER,
                    "event": "Subscription Started",
                    "value": 1500.0,
                    "properties": {**PRICED["properties"], "previous": "trialing"},
                }
            ],
        ),
        (
            happened("customer.subscription.deleted", **{**SUBSCRIPTION, "status": "canceled"}),
            [
                {
                    **CUSTOMER,
                    "event": "Subscription Cancelled",
                    "value": 1500.0,
                    "properties": {**PRICED["properties"], "status": "canceled"},
                }
            ],
        ),
        (
            happened("customer.created", object="customer", id="cus_1", email="ann@acme.example", name="Ann"),
            [{**WITH_EMAIL, "type": "identify", "event": "Customer Created", "traits": {"name": "Ann"}}],
        ),
        (
            happened(
                "checkout.session.completed",
                object="checkout.session",
                id="cs_1",
                customer_details={"email": "ann@acme.example"},
                amount_total=5000,
                currency="usd",
            ),
            [
                {
                    "channel": "billing",
                    "email": "ann@acme.example",
                    "event": "Checkout Completed",
                    "value": 50.0,
                    "properties": {"session_id": "cs_1", "currency": "usd"},
                }
            ],
        ),
    ],
)  # fmt: skip
def test_what_stripe_tells(item: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    assert parsed(SourceKind.STRIPE, item) == expected


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        (1999, "eur", 19.99),
        (500, "JPY", 500.0),
        (500, "kwd", 0.5),
        (500, "isk", 5.0),
        (-100, "usd", -1.0),
        (0, "usd", 0.0),
        (None, "usd", None),
        (True, "usd", None),
        ("1999", "usd", None),
        (1999, None, 19.99),
    ],
)
def test_amounts_come_in_major_units(
    amount: object, currency: object, expected: float | None
) -> None:
    assert major_units(amount, currency) == expected


@pytest.mark.parametrize(
    "more",
    [
        {"metadata": {"account": "acme"}},
        {"subscription_details": {"metadata": {"account": "acme"}}},
        {"parent": {"subscription_details": {"metadata": {"account": "acme"}}}},
        {"account": "acme"},
        {"metadata": {"account": "n/a"}, "subscription_details": {"metadata": {"account": "acme"}}},
        {"metadata": {"account": "null"}, "account": "acme"},
    ],
)
def test_stripes_metadata_name_our_account(more: dict[str, Any]) -> None:
    (event,) = parsed(
        SourceKind.STRIPE,
        happened("invoice.paid", **INVOICE, **more),
        account_id_property="account",
    )

    assert event["account_id"] == "acme"


def test_stripes_two_events_about_one_payment_are_one() -> None:
    way = DeliveryContext(kind=SourceKind.STRIPE, source_id="s", settings=SourceSettings())
    names = set()
    for number, kind in enumerate(("invoice.paid", "invoice.payment_succeeded")):
        (candidate,) = parse_item({**happened(kind, **INVOICE), "id": f"evt_{number}"}, way)
        assert isinstance(candidate, ForeignCandidate)
        names.add(candidate.message_id)

    assert names == {"stripe:in_1:paid"}


@pytest.mark.parametrize(
    ("kind", "thing", "address"),
    [
        (
            "customer.updated",
            {"object": "customer", "id": "cus_1", "email": "new@acme.example"},
            "new@acme.example",
        ),
        ("invoice.paid", INVOICE, "ann@acme.example"),
        (
            "checkout.session.completed",
            {
                "object": "checkout.session",
                "customer": "cus_1",
                "customer_email": None,
                "customer_details": {"email": "buyer@acme.example"},
            },
            "buyer@acme.example",
        ),
        (
            "payment_intent.succeeded",
            {"object": "payment_intent", "customer": "cus_1", "receipt_email": "pay@acme.example"},
            "pay@acme.example",
        ),
        (
            "charge.refunded",
            {
                "object": "charge",
                "customer": "cus_1",
                "receipt_email": "",
                "billing_details": {"email": "card@acme.example"},
            },
            "card@acme.example",
        ),
        ("customer.subscription.created", SUBSCRIPTION, None),
    ],
)  # fmt: skip
def test_every_address_of_a_customer_comes_with_its_record(
    kind: str, thing: dict[str, Any], address: str | None
) -> None:
    (event,) = parsed(SourceKind.STRIPE, happened(kind, **thing))

    assert (event["external_id"], event.get("email")) == ("stripe:customer:cus_1", address)


@pytest.mark.parametrize(
    ("kind", "thing", "address"),
    [
        (
            "charge.dispute.created",
            {"object": "dispute", "evidence": {"customer_email_address": "ann@acme.example"}},
            "ann@acme.example",
        ),
        (
            "charge.refunded",
            {"object": "charge", "customer": None, "billing_details": {"email": "guest@acme.example"}},
            "guest@acme.example",
        ),
    ],
)  # fmt: skip
def test_a_payer_without_a_customer_is_named_by_the_address(
    kind: str, thing: dict[str, Any], address: str
) -> None:
    (event,) = parsed(SourceKind.STRIPE, happened(kind, **thing))

    assert (event.get("external_id"), event["email"]) == (None, address)


def test_the_deletion_of_a_customer_is_about_the_record_alone() -> None:
    item = happened("customer.deleted", object="customer", id="cus_1", email="ann@acme.example")

    (event,) = parsed(SourceKind.STRIPE, item)

    assert (event["event"], event["external_id"], event["is_about_record"]) == (
        "Customer Deleted",
        "stripe:customer:cus_1",
        True,
    )
    assert "email" not in event


def test_metadata_without_a_real_account_lose_nothing_of_the_event() -> None:
    item = happened("invoice.paid", **INVOICE, metadata={"account": "n/a"})

    (event,) = parsed(SourceKind.STRIPE, item, account_id_property="account")

    assert (event["external_id"], event["account_id"]) == ("stripe:customer:cus_1", "n/a")


@pytest.mark.parametrize(
    ("now", "before", "left"),
    [
        ({}, {"metadata": {"our_account": "acme"}}, "acme"),
        ({"our_account": ""}, {"metadata": {"our_account": "acme"}}, "acme"),
        ({"our_account": "birke"}, {"metadata": {"our_account": "acme"}}, None),
        ({}, {"metadata": {"our_account": "n/a"}}, None),
        ({}, {"metadata": {"plan": "pro"}}, None),
        ({}, {"name": "Ann"}, None),
    ],
)
def test_a_customer_whose_account_id_was_cleared_is_in_that_account_no_longer(
    now: dict[str, Any], before: dict[str, Any], left: str | None
) -> None:
    item = happened("customer.updated", before, object="customer", id="cus_1", metadata=now)

    [_, *more] = parsed(SourceKind.STRIPE, item, account_id_property="our_account")

    expected = {
        "type": "leave",
        "event": "Customer Unlinked",
        "channel": "billing",
        "external_id": "stripe:customer:cus_1",
        "account_id": left,
    }
    assert more == ([expected] if left else [])
