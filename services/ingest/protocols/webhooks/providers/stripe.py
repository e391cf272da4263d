"""Stripe: invoices, subscriptions, customers and checkouts.

A customer is the anonymous id `stripe:customer:<id>`, known with the e-mail that an event carries; the
account is what the metadata name (`account_id_property`). Amounts come in the smallest unit of their
currency and become major units. Source: Stripe's "Types of events", "Zero-decimal currencies".
"""

from collections.abc import Callable, Mapping
from typing import Any

from services.ingest.protocols.webhooks.providers import item as reading
from services.ingest.protocols.webhooks.providers.item import (
    JsonObject,
    ProviderItem,
    identifier,
    present,
    text,
)
from shared.sources.source import SourceSettings

PROVIDER = "stripe"

_NO_DECIMALS = frozenset(
    (
        "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf",
        "xof", "xpf",
    )
)  # fmt: skip
"""Icelandic króna and Ugandan shilling have none either, but Stripe writes them with two."""
_THREE_DECIMALS = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))

_RENEWS = "subscription_cycle"


def major_units(amount: object, currency: object) -> float | None:
    """An amount as people say it: 1999 eur is 19.99, 500 jpy is 500."""
    if isinstance(amount, bool) or not isinstance(amount, int):
        return None
    code = currency.lower() if isinstance(currency, str) else ""
    if code in _NO_DECIMALS:
        return float(amount)
    return amount / (1000 if code in _THREE_DECIMALS else 100)


def read(item: JsonObject, settings: SourceSettings) -> ProviderItem:
    """What one event says."""
    kind = text(item.get("type")) or ""
    data = reading.mapping(item.get("data"))
    thing = reading.mapping(data.get("object"))
    teller = _TELLERS.get(kind)
    touchpoints: list[JsonObject] | None = None
    if teller is not None and thing:
        who = _who(thing, settings.account_id_property)
        if who:
            before = reading.mapping(data.get("previous_attributes"))
            told = teller(thing, before)
            touchpoints = [{"channel": "billing", **who, **each} for each in told]
    return ProviderItem(
        type=kind,
        message_id=reading.message_id(PROVIDER, item.get("id")),
        occurred_at=reading.instant(item.get("created")),
        touchpoints=touchpoints,
    )


def _who(thing: Mapping[str, Any], account_property: str | None) -> JsonObject:
    customer = thing.get("customer")
    if isinstance(customer, dict):
        customer = customer.get("id")
    if thing.get("object") == "customer":
        customer = thing.get("id")
    details = reading.mapping(thing.get("customer_details"))
    address = thing.get("email") if thing.get("object") == "customer" else None
    for candidate in (
        thing.get("customer_email"),
        details.get("email"),
        thing.get("receipt_email"),
    ):
        address = address or candidate
    name = identifier(customer)
    return present(
        {
            "anonymous_id": f"{PROVIDER}:customer:{name}" if name else None,
            "email": reading.email(address),
            "account_id": _account(thing, account_property),
        }
    )


def _account(thing: Mapping[str, Any], account_property: str | None) -> str | None:
    """From the metadata: the object's own, or of the subscription that an invoice is for."""
    if account_property is None:
        return None
    outer = (thing, reading.mapping(thing.get("parent")))
    details = (reading.mapping(each.get("subscription_details")) for each in outer)
    for place in (thing, *details):
        found = identifier(reading.mapping(place.get("metadata")).get(account_property))
        if found is not None:
            return found
    # `client_reference_id` of a checkout is the sender's own id without being metadata.
    return identifier(thing.get(account_property))


_Told = list[JsonObject]
_Teller = Callable[[Mapping[str, Any], Mapping[str, Any]], _Told]


def _money(thing: Mapping[str, Any], amount: str) -> JsonObject:
    currency = thing.get("currency")
    return present({"value": major_units(thing.get(amount), currency)})


def _properties(thing: Mapping[str, Any], **more: object) -> JsonObject:
    kind = text(thing.get("object")) or "object"
    told = {f"{kind.rpartition('.')[2]}_id": thing.get("id"), "currency": thing.get("currency")}
    return {"properties": present({**told, **more})}


def _invoice_paid(thing: Mapping[str, Any], _: Mapping[str, Any]) -> _Told:
    reason = thing.get("billing_reason")
    more = {**_money(thing, "amount_paid"), **_properties(thing, billing_reason=reason)}
    # `invoice.paid` and `invoice.payment_succeeded` say the same: one name, so that it counts once.
    name = reading.message_id(PROVIDER, thing.get("id"), "paid")
    paid = present({"event": "Invoice Paid", "message_id": name, **more})
    if reason != _RENEWS:
        return [paid]
    renewed = reading.message_id(PROVIDER, thing.get("id"), "renewed")
    return [paid, {"event": "Subscription Renewed", "message_id": renewed, **more}]


def _payment_failed(thing: Mapping[str, Any], _: Mapping[str, Any]) -> _Told:
    attempts = thing.get("attempt_count")
    amount = "amount_due" if thing.get("object") == "invoice" else "amount"
    error = reading.mapping(thing.get("last_payment_error"))
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
    """What all items of a subscription cost a period, and its currency and plan."""
    items = reading.mapping(subscription.get("items")).get("data")
    prices = [
        (reading.mapping(item.get("price") or item.get("plan")), item.get("quantity", 1))
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
    interval = next((reading.mapping(p.get("recurring")).get("interval") for p, _ in prices), None)
    told = {
        "subscription_id": subscription.get("id"),
        "status": subscription.get("status"),
        "currency": currency,
        "interval": interval,
        "quantity": amounts[0][1] if len(amounts) == 1 else None,
        "price_id": prices[0][0].get("id") if len(prices) == 1 else None,
    }
    return present({"value": value, "properties": present(told)})


def _started(thing: Mapping[str, Any], _: Mapping[str, Any]) -> _Told:
    event = "Trial Started" if thing.get("status") == "trialing" else "Subscription Started"
    return [{"event": event, **_price(thing)}]


def _updated(thing: Mapping[str, Any], before: Mapping[str, Any]) -> _Told:
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


def _cancelled(thing: Mapping[str, Any], _: Mapping[str, Any]) -> _Told:
    return [{"event": "Subscription Cancelled", **_price(thing), **_why_cancelled(thing)}]


def _why_cancelled(thing: Mapping[str, Any]) -> JsonObject:
    details = reading.mapping(thing.get("cancellation_details"))
    return present(
        {"friction": text(details.get("feedback")), "thought": text(details.get("comment"))}
    )


def _named(event: str) -> _Teller:
    def tell(thing: Mapping[str, Any], _: Mapping[str, Any]) -> _Told:
        return [{"event": event, **_price(thing)}]

    return tell


def _paid(event: str, amount: str) -> _Teller:
    def tell(thing: Mapping[str, Any], _: Mapping[str, Any]) -> _Told:
        reason = thing.get("reason")
        return [{"event": event, **_money(thing, amount), **_properties(thing, reason=reason)}]

    return tell


def _customer(event: str) -> _Teller:
    def tell(thing: Mapping[str, Any], _: Mapping[str, Any]) -> _Told:
        names = ("name", "phone", "description", "currency", "delinquent")
        traits = present({name: thing.get(name) for name in names})
        return [{"type": "identify", "event": event, "traits": traits}]

    return tell


_TELLERS: Mapping[str, _Teller] = {
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
    "customer.deleted": _customer("Customer Deleted"),
    "customer.subscription.created": _started,
    "customer.subscription.updated": _updated,
    "customer.subscription.deleted": _cancelled,
    "customer.subscription.paused": _named("Subscription Paused"),
    "customer.subscription.resumed": _named("Subscription Resumed"),
    "customer.subscription.trial_will_end": _named("Trial Ending"),
}
