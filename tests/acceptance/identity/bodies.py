"""What senders send: calls of SDKs and events of providers, each as a step of a story.

A step has no id of its own yet; `Senders` gives it one, the same each time that it is sent.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2025, 3, 3, 9, tzinfo=UTC)
"""Day 0 of every story: a Monday."""


@dataclass(frozen=True, slots=True)
class Step:
    """One body, and the way that it comes in by: a method of `Senders`."""

    way: str
    body: dict[str, Any]


def on(day: float) -> datetime:
    """An instant, in days since the beginning."""
    return START + timedelta(days=day)


def milliseconds(day: float) -> int:
    """The same as HubSpot and Salesforce write it."""
    return int(on(day).timestamp() * 1000)


def iso(day: float) -> str:
    """The same as text."""
    return on(day).isoformat().replace("+00:00", "Z")


def native(event: str, day: float, **fields: Any) -> Step:
    """A touchpoint as our own clients write it."""
    return Step("native", {"event": event, "occurred_at": iso(day), **fields})


def segment(kind: str, day: float, group: str | None = None, **fields: Any) -> Step:
    """A call of a Segment SDK; `group` is the account of a call other than `group`."""
    context = {"context": {"groupId": group}} if group else {}
    return Step("segment", {"type": kind, "timestamp": iso(day), **context, **fields})


def posthog(event: str, distinct_id: str, day: float, **properties: Any) -> Step:
    """An event of a PostHog SDK; `group` is the account."""
    group = properties.pop("group", None)
    if group is not None:
        properties["$groups"] = {"company": group}
    return Step(
        "posthog",
        {
            "event": event,
            "distinct_id": distinct_id,
            "timestamp": iso(day),
            "properties": {f"${name[1:]}" if name[0] == "_" else name: value
                           for name, value in properties.items()},
        },
    )  # fmt: skip


def by_page(step: Step) -> Step:
    """The same call by the public key of a web page."""
    return Step(f"page {step.way}", step.body)


# -- HubSpot -------------------------------------------------------------------------------------


def hubspot(kind: str, day: float, **fields: Any) -> Step:
    """One change."""
    return Step(
        "hubspot",
        {
            "subscriptionId": 1,
            "portalId": 33,
            "occurredAt": milliseconds(day),
            "subscriptionType": kind,
            "attemptNumber": 0,
            **fields,
        },
    )


def hubspot_property(thing: str, number: int, name: str, value: str, day: float) -> Step:
    """A property of a record was set."""
    return hubspot(
        f"{thing}.propertyChange", day, objectId=number, propertyName=name, propertyValue=value
    )


def hubspot_link(kind: str, ends: tuple[int, int], day: float, *, removed: bool = False) -> Step:
    """Two records were associated, or are no longer."""
    thing = kind.partition("_")[0].lower()
    return hubspot(
        f"{thing}.associationChange",
        day,
        associationType=kind,
        fromObjectId=ends[0],
        toObjectId=ends[1],
        associationRemoved=removed,
    )


def hubspot_merge(survivor: int, gone: list[int], day: float, **fields: int) -> Step:
    """Contacts were merged."""
    return hubspot(
        "contact.merge",
        day,
        objectId=survivor,
        primaryObjectId=survivor,
        mergedObjectIds=gone,
        **fields,
    )


# -- Salesforce, Pipedrive, Stripe ---------------------------------------------------------------


def salesforce_id(prefix: str, number: int) -> str:
    """A record's id in its form of 18 characters, whose last three encode which others are capitals."""
    return f"{prefix}{number:012}{'EAA' if prefix[2].isupper() else 'AAA'}"


def salesforce(kind: str, record: str, day: float, **fields: Any) -> Step:
    """A record as a flow calls out with it; a record has one state at an instant."""
    return Step(
        "salesforce",
        {"attributes": {"type": kind}, "Id": record, "LastModifiedDate": iso(day), **fields},
    )


def pipedrive(action: str, thing: str, number: int, day: float, **fields: Any) -> Step:
    """One change; `meta` of the fields goes beside the rest, `previous` too."""
    meta, previous = fields.pop("meta", {}), fields.pop("previous", None)
    return Step(
        "pipedrive",
        {
            "meta": {
                "action": action,
                "entity": thing,
                "entity_id": str(number),
                "timestamp": iso(day),
                **meta,
            },
            "data": {"id": number, **fields} if fields else None,
            "previous": previous,
        },
    )


def stripe(kind: str, day: float, **thing: Any) -> Step:
    """An event; the object's kind is in its name."""
    name = kind.rpartition(".")[0]
    things = {"checkout.session": "checkout.session", "customer.subscription": "subscription"}
    return Step(
        "stripe",
        {
            "type": kind,
            "created": int(on(day).timestamp()),
            "data": {"object": {"object": things.get(name, name), **thing}},
        },
    )
