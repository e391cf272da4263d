"""Stripe: invoices, subscriptions, customers and checkouts.

A customer is the `external_id` `stripe:customer:<id>`, with the e-mail address of the event; the account id
is in the metadata (`account_id_property`). Amounts come in the smallest unit of their
currency and become major units. Source: Stripe's "Types of events", "Zero-decimal currencies".
"""

from collections.abc import Callable, Mapping
from typing import Any

from services.ingest.protocols.webhooks.providers import item as values
from services.ingest.protocols.webhooks.providers.item import (
    JsonObject,
    ProviderItem,
    identifier,
    present,
    text,
)
from shared.contracts import names
from shared.sources.source import SourceSettings

PROVIDER = "stripe"

_NO_DECIMALS = frozenset(
    (
        "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf",
        "xof", "xpf",
    )
)  # fmt: skip
"""Without Icelandic króna and Ugandan shilling: Stripe writes them with two decimals."""
_THREE_DECIMALS = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))

_RENEWS = "subscription_cycle"


def major_units(amount: object, currency: object) -> float | None:
    """An amount in major units: 1999 eur is 19.99, 500 jpy is 500."""
    if isinstance(amount, bool) or not isinstance(amount, int):
        return None
    code = currency.lower() if isinstance(currency, str) else ""
    if code in _NO_DECIMALS:
        return float(amount)
    return amount / (1000 if code in _THREE_DECIMALS else 100)


def read(item: JsonObject, settings: SourceSettings) -> ProviderItem:
    """Read one event."""
    kind = text(item.get("type")) or ""
    data = values.mapping(item.get("data"))
    thing = values.mapping(data.get("object"))
    reader = _READERS.get(kind)
    touchpoints: list[JsonObject] | None = None
    if reader is not None and thing:
        who = _who(thing, settings.account_id_property)
        if kind == "customer.deleted":
            # A record that is gone says no more whose address it was.
            who.pop("email", None)
        if who:
            before = values.mapping(data.get("previous_attributes"))
            events = reader(thing, before)
            touchpoints = [{"channel": "billing", **who, **each} for each in events]
            if kind == "customer.updated":
                touchpoints += _left(thing, before, settings.account_id_property)
    return ProviderItem(
        type=kind,
        message_id=values.message_id(PROVIDER, item.get("id")),
        occurred_at=values.instant(item.get("created")),
        touchpoints=touchpoints,
    )


def _who(thing: Mapping[str, Any], account_property: str | None) -> JsonObject:
    customer = thing.get("customer")
    if isinstance(customer, dict):
        customer = customer.get("id")
    if thing.get("object") == "customer":
        customer = thing.get("id")
    name = identifier(customer)
    return present(
        {
            "external_id": f"{PROVIDER}:customer:{name}" if name else None,
            "email": _address(thing),
            "account_id": _account(thing, account_property),
        }
    )


def _address(thing: Mapping[str, Any]) -> str | None:
    """The first valid address: the customer's, else the one that was typed in at the payment.

    A guest has no customer, and a dispute does not name its own.
    """
    checkout, billing, evidence = (
        values.mapping(thing.get(name))
        for name in ("customer_details", "billing_details", "evidence")
    )
    addresses = (
        thing.get("email") if thing.get("object") == "customer" else None,
        thing.get("customer_email"),
        checkout.get("email"),
        thing.get("receipt_email"),
        billing.get("email"),
        evidence.get("customer_email_address"),
    )
    return next(filter(None, map(values.email, addresses)), None)


def _account(thing: Mapping[str, Any], account_property: str | None) -> str | None:
    """Account id in the metadata of the object, or of the subscription that an invoice is for.

    One that names nobody gives way to any other; alone it stays, for ingest to show it as ignored.
    """
    if account_property is None:
        return None
    outer = (thing, values.mapping(thing.get("parent")))
    details = (values.mapping(each.get("subscription_details")) for each in outer)
    metadata = (values.mapping(place.get("metadata")) for place in (thing, *details))
    # `client_reference_id` of a checkout holds the sender's id outside of the metadata.
    places = [each.get(account_property) for each in (*metadata, thing)]
    account_ids = [each for each in map(identifier, places) if each is not None]
    valid = (each for each in account_ids if not names.is_junk(each))
    return next(valid, account_ids[0] if account_ids else None)


def _left(
    customer: Mapping[str, Any], before: Mapping[str, Any], account_property: str | None
) -> "_Touchpoints":
    """A customer whose account id was emptied is in that account no longer."""
    if account_property is None or _account(customer, account_property) is not None:
        return []
    former = identifier(values.mapping(before.get("metadata")).get(account_property))
    number = identifier(customer.get("id"))
    if former is None or number is None or names.is_junk(former):
        return []
    return [
        {
            "type": "leave",
            "event": "Customer Unlinked",
            "channel": "billing",
            "external_id": f"{PROVIDER}:customer:{number}",
            "account_id": former,
        }
    ]


_Touchpoints = list[JsonObject]
_Reader = Callable[[Mapping[str, Any], Mapping[str, Any]], _Touchpoints]


def _money(thing: Mapping[str, Any], amount: str) -> JsonObject:
    currency = thing.get("currency")
    return present({"value": major_units(thing.get(amount), currency)})


def _properties(thing: Mapping[str, Any], **more: object) -> JsonObject:
    kind = text(thing.get("object")) or "object"
    fields = {f"{kind.rpartition('.')[2]}_id": thing.get("id"), "currency": thing.get("currency")}
    return {"properties": present({**fields, **more})}


def _invoice_paid(thing: Mapping[str, Any], _: Mapping[str, Any]) -> _Touchpoints:
    reason = thing.get("billing_reason")
    more = {**_money(thing, "amount_paid"), **_properties(thing, billing_reason=reason)}
    # One message id for `invoice.paid` and `invoice.payment_succeeded`, which report the same fact.
    name = values.message_id(PROVIDER, thing.get("id"), "paid")
    paid = present({"event": "Invoice Paid", "message_id": name, **more})
    if reason != _RENEWS:
        return [paid]
    renewed = values.message_id(PROVIDER, thing.get("id"), "renewed")
    return [paid, {"event": "Subscription Renewed", "message_id": renewed, **more}]


def _payment_failed(thing: Mapping[str, Any], _: Mapping[str, Any]) -> _Touchpoints:
    attempts = thing.get("attempt_count")
    amount = "amount_due" if thing.get("object") == "invoice" else "amount"
    error = values.mapping(thing.get("last_payment_error"))
    more = _properties(thing, attempt_count=attempts, reason=error.get("code"))
    return [
        {
            "event": "Payment Failed",
            "friction": "payment failed",
            **_money(thing, amount),
            **more,
        }
    ]


def _price(subscription: Mapping[str, Any]) -> JsonObject:
    """Price of all items of a subscription for one period, with its currency and plan."""
    items = values.mapping(subscription.get("items")).get("data")
    prices = [
        (values.mapping(item.get("price") or item.get("plan")), item.get("quantity", 1))
        for item in (items if isinstance(items, list) else ())
        if isinstance(item, dict)
    ]
    amounts = [
        (price.get("unit_amount", price.get("amount")), quantity) for price, quantity in prices
    ]
    currency = subscription.get("currency") or next((p.get("currency") for p, _ in prices), None)
    value = None
    if amounts and all(isinstance(a, int) and isinstance(q, int) for a, q in amounts):
        value = major_units(sum(a * q for a, q in amounts), currency)
    interval = next((values.mapping(p.get("recurring")).get("interval") for p, _ in prices), None)
    properties = {
        "subscription_id": subscription.get("id"),
        "status": subscription.get("status"),
        "currency": currency,
        "interval": interval,
        "quantity": amounts[0][1] if len(amounts) == 1 else None,
        "price_id": prices[0][0].get("id") if len(prices) == 1 else None,
    }
    return present({"value": value, "properties": present(properties)})


def _started(thing: Mapping[str, Any], _: Mapping[str, Any]) -> _Touchpoints:
    event = "Trial Started" if thing.get("status") == "trialing" else "Subscription Started"
    return [{"event": event, **_price(thing)}]


def _updated(thing: Mapping[str, Any], before: Mapping[str, Any]) -> _Touchpoints:
    status, former = thing.get("status"), before.get("status")
    price = _price(thing)
    if former in ("trialing", "incomplete") and status == "active":
        event = "Subscription Started"
    elif before.get("cancel_at_period_end") is False and thing.get("cancel_at_period_end"):
        return [{"event": "Cancellation Scheduled", **price, **_why_cancelled(thing)}]
    elif before.get("cancel_at_period_end") is True and not thing.get("cancel_at_period_end"):
        event = "Cancellation Withdrawn"
    else:
        event = "Subscription Changed"
    if former is not None:
        price["properties"]["previous"] = former
    return [{"event": event, **price}]


def _cancelled(thing: Mapping[str, Any], _: Mapping[str, Any]) -> _Touchpoints:
    return [{"event": "Subscription Cancelled", **_price(thing), **_why_cancelled(thing)}]


def _why_cancelled(thing: Mapping[str, Any]) -> JsonObject:
    details = values.mapping(thing.get("cancellation_details"))
    return present(
        {"friction": text(details.get("feedback")), "thought": text(details.get("comment"))}
    )


def _named(event: str) -> _Reader:
    def read_event(thing: Mapping[str, Any], _: Mapping[str, Any]) -> _Touchpoints:
        return [{"event": event, **_price(thing)}]

    return read_event


def _paid(event: str, amount: str) -> _Reader:
    def read_event(thing: Mapping[str, Any], _: Mapping[str, Any]) -> _Touchpoints:
        reason = thing.get("reason")
        return [{"event": event, **_money(thing, amount), **_properties(thing, reason=reason)}]

    return read_event


def _customer(event: str, *, is_deletion: bool = False) -> _Reader:
    def read_event(thing: Mapping[str, Any], _: Mapping[str, Any]) -> _Touchpoints:
        fields = ("name", "phone", "description", "currency", "delinquent")
        traits = present({name: thing.get(name) for name in fields})
        touchpoint: JsonObject = {"type": "identify", "event": event, "traits": traits}
        if is_deletion:
            touchpoint["is_about_record"] = True
        return [touchpoint]

    return read_event


_READERS: Mapping[str, _Reader] = {
    "invoice.paid": _invoice_paid,
    "invoice.payment_succeeded": _invoice_paid,
    "invoice.payment_failed": _payment_failed,
    "payment_intent.payment_failed": _payment_failed,
    "payment_intent.succeeded": _paid("Payment Succeeded", "amount_received"),
    "charge.refunded": _paid("Payment Refunded", "amount_refunded"),
    "charge.dispute.created": _paid("Payment Disputed", "amount"),
    "checkout.session.completed": _paid("Checkout Completed", "amount_total"),
    "customer.created": _customer("Customer Created"),
    "customer.updated": _customer("Customer Updated"),
    "customer.deleted": _customer("Customer Deleted", is_deletion=True),
    "customer.subscription.created": _started,
    "customer.subscription.updated": _updated,
    "customer.subscription.deleted": _cancelled,
    "customer.subscription.paused": _named("Subscription Paused"),
    "customer.subscription.resumed": _named("Subscription Resumed"),
    "customer.subscription.trial_will_end": _named("Trial Ending"),
}
