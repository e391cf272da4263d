"""HubSpot: an array of at most 100 changes of contacts, companies, deals and tickets.

A contact is the anonymous id `hubspot:contact:<id>`, a company the account `hubspot:company:<id>`. Deals
and tickets are anonymous ids too: their changes name no company; the change of their association to one
joins them to its account. Source: HubSpot's "Webhooks API", subscription types and payloads.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from services.ingest.protocols.webhooks.providers import item as values
from services.ingest.protocols.webhooks.providers.item import (
    JsonObject,
    ProviderItem,
    identifier,
    present,
    text,
)
from shared.sources.source import SourceSettings

PROVIDER = "hubspot"

_OBJECT_TYPES = {"0-1": "contact", "0-2": "company", "0-3": "deal", "0-5": "ticket"}
"""`objectTypeId` of the subscriptions `object.*`."""

_TITLES = {"contact": "Contact", "company": "Company", "deal": "Deal", "ticket": "Ticket"}
_DONE = {"creation": "Created", "deletion": "Deleted", "restore": "Restored"}
_CHANNELS = {"ticket": "support"}

# Fields that distinguish two items. Not the value: an e-mail address must not be part of an id; and not the
# number of the attempt.
_DISTINGUISHING = (
    "subscriptionId", "occurredAt", "subscriptionType", "propertyName", "associationType",
    "fromObjectId", "toObjectId", "associationRemoved", "primaryObjectId", "newObjectId",
)  # fmt: skip

_Touchpoints = Sequence[JsonObject] | None


def read(item: JsonObject, settings: SourceSettings) -> ProviderItem:
    """Read one change."""
    kind = text(item.get("subscriptionType")) or ""
    thing, _, action = kind.partition(".")
    if thing == "object":
        thing = _OBJECT_TYPES.get(text(item.get("objectTypeId")) or "", thing)
    name = _name(item)
    touchpoints: _Touchpoints = None
    if thing in _TITLES:
        match action:
            case "creation" | "deletion" | "restore":
                touchpoints = _done(item, thing, action)
            case "propertyChange":
                touchpoints = _changed(item, thing, settings.account_id_property, name)
            case "merge":
                touchpoints = _merged(item, thing, name)
            case "associationChange":
                touchpoints = _associated(item)
            case "privacyDeletion":
                touchpoints = _privacy_deleted(item, thing)
            case _:
                pass
    return ProviderItem(
        type=kind,
        message_id=name,
        occurred_at=values.instant(item.get("occurredAt")),
        touchpoints=touchpoints,
    )


def _name(item: JsonObject) -> str | None:
    event_id = identifier(item.get("eventId"))
    if event_id is None:
        return None
    # By HubSpot's documentation `eventId` alone is not unique.
    distinguishing = "\n".join(str(item.get(name)) for name in _DISTINGUISHING)
    digest = sha256(distinguishing.encode()).hexdigest()[:16]
    about = identifier(item.get("objectId")) or "0"
    return values.message_id(PROVIDER, item.get("portalId") or 0, event_id, about, digest)


def _who(thing: str, number: str) -> JsonObject:
    name = "account_id" if thing == "company" else "anonymous_id"
    return {name: f"{PROVIDER}:{thing}:{number}"}


def _touchpoint(thing: str, number: str, event: str, **more: Any) -> JsonObject:  # noqa: ANN401 - fields
    return {**_who(thing, number), "event": event, "channel": _CHANNELS.get(thing, "crm"), **more}


def _done(item: JsonObject, thing: str, action: str) -> _Touchpoints:
    number = identifier(item.get("objectId"))
    if number is None:
        return None
    event = f"{_TITLES[thing]} {_DONE[action]}"
    if thing == "ticket" and action == "creation":
        event = "Ticket Opened"
    return [_touchpoint(thing, number, event, properties={f"{thing}_id": number})]


def _privacy_deleted(item: JsonObject, thing: str) -> _Touchpoints:
    number = identifier(item.get("objectId"))
    if number is None or thing != "contact":
        return None
    return [_touchpoint(thing, number, "Erasure Requested", type="erase")]


def _changed(
    item: JsonObject, thing: str, account_property: str | None, name: str | None
) -> _Touchpoints:
    number = identifier(item.get("objectId"))
    changed = text(item.get("propertyName"))
    if number is None or changed is None:
        return None
    value = item.get("propertyValue")
    touchpoints = [_change(thing, number, changed, value)]
    account_id = identifier(value) if changed == account_property else None
    if account_id is not None and thing == "company":
        touchpoints.append(
            {
                "type": "merge",
                "event": "Company Merged",
                "channel": "crm",
                "account_id": account_id,
                "previous_account_id": f"{PROVIDER}:company:{number}",
                "message_id": None if name is None else values.shortened(f"{name}:account"),
            }
        )
    elif account_id is not None:
        touchpoints[0]["account_id"] = account_id
    return touchpoints


def _change(thing: str, number: str, changed: str, value: object) -> JsonObject:
    match thing, changed:
        case ("contact" | "company", "lifecyclestage"):
            event, properties = "Lifecycle Stage Changed", {"stage": value, "object": thing}
        case "contact", "hs_lead_status":
            event, properties = "Lead Status Changed", {"stage": value}
        case "deal", "dealstage":
            event, properties = "Deal Stage Changed", {"stage": value, "deal_id": number}
        case "ticket", "hs_pipeline_stage":
            event, properties = "Ticket Stage Changed", {"stage": value, "ticket_id": number}
        case "ticket", "closed_date" if value:
            event, properties = "Ticket Solved", {"ticket_id": number}
        case _:
            return _updated(thing, number, changed, value)
    return _touchpoint(thing, number, event, properties=properties)


def _updated(thing: str, number: str, changed: str, value: object) -> JsonObject:
    """Any other property: a trait of person or account, or a property of the event of a deal or ticket."""
    event = f"{_TITLES[thing]} Updated"
    match thing:
        case "contact":
            address = values.email(value) if changed == "email" else None
            more = present({"type": "identify", "traits": {changed: value}, "email": address})
        case "company":
            more = {"type": "group", "account_traits": {changed: value}}
        case _:
            more = {"properties": {changed: value, f"{thing}_id": number}}
            if changed == "amount":
                more = present({**more, "value": values.number(value)})
    if changed == "hs_ticket_category":
        more = present({**more, "friction": text(value)})
    return _touchpoint(thing, number, event, **more)


def _merged(item: JsonObject, thing: str, name: str | None) -> _Touchpoints:
    primary = identifier(item.get("primaryObjectId")) or identifier(item.get("objectId"))
    survivor = identifier(item.get("newObjectId")) or primary
    others = item.get("mergedObjectIds")
    if survivor is None or not isinstance(others, list):
        return None
    gone = [identifier(other) for other in (primary, *others)]
    merged = [number for number in dict.fromkeys(gone) if number is not None and number != survivor]
    field, kind = (
        ("previous_account_id", "merge") if thing == "company" else ("previous_id", "alias")
    )
    return [
        _touchpoint(
            thing,
            survivor,
            f"{_TITLES[thing]} Merged",
            type=kind,
            message_id=None if name is None else values.shortened(f"{name}:{number}"),
            **{field: f"{PROVIDER}:{thing}:{number}"},
        )
        for number in merged
    ]


def _associated(item: JsonObject) -> _Touchpoints:
    """Associations like CONTACT_TO_COMPANY, in either order; only a company joins the other to an account."""
    kinds = (text(item.get("associationType")) or "").lower().split("_to_")
    ids = [identifier(item.get(name)) for name in ("fromObjectId", "toObjectId")]
    ends = dict(zip(kinds, ids, strict=False))
    if len(ends) != len(kinds) or len(kinds) != len(ids) or None in ids:
        return None
    thing = next((each for each in ("deal", "ticket", "contact") if each in ends), None)
    number = ends.get(thing) if thing else None
    if thing is None or number is None or not ends.keys() <= _TITLES.keys():
        return None
    is_removed = item.get("associationRemoved") is True
    properties = {f"{each}_id": end for each, end in ends.items()}
    event = f"{_TITLES[thing]} {'Unlinked' if is_removed else 'Linked'}"
    touchpoint = _touchpoint(thing, number, event, properties=properties)
    company = ends.get("company")
    if company is not None and not is_removed:
        touchpoint |= _who("company", company)
    return [touchpoint]
