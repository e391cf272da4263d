"""HubSpot: an array of at most 100 changes of contacts, companies, deals and tickets.

A contact, deal or ticket is the `external_id` `hubspot:contact:<id>`, a company the `account_external_id`
`hubspot:company:<id>`. Changes of deals and tickets name no company; the change of their association to one
joins them to its account. Source: HubSpot's "Webhooks API", subscription types and payloads, and "Create
generic webhook subscriptions".
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
from shared.contracts.names import EXTERNAL
from shared.sources.source import SourceSettings

PROVIDER = "hubspot"

_OBJECT_TYPES = {"0-1": "contact", "0-2": "company", "0-3": "deal", "0-5": "ticket"}
"""`objectTypeId` of the subscriptions `object.*`, and the types of the ends of an association."""

_COMPANY_OF = {"contact": "associatedcompanyid", "deal": "hs_primary_associated_company"}
"""Property with the id of the primary company."""
_ADDITIONAL = "hs_additional_emails"
"""Property with the further addresses of a contact, with semicolons between."""
_BY_A_MERGE = "MERGE"
"""Prefix of `changeSource` where a record changed because it was merged."""

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
    if action == "associationChange":
        touchpoints = _associated(item)
    elif thing in _TITLES:
        match action:
            case "creation" | "deletion" | "restore":
                touchpoints = _done(item, thing, action)
            case "propertyChange":
                touchpoints = _changed(item, thing, settings.account_id_property)
            case "merge":
                touchpoints = _merged(item, thing, name)
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
    name = "account_external_id" if thing == "company" else "external_id"
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
    done = _touchpoint(thing, number, event, properties={f"{thing}_id": number})
    if action == "deletion":
        # It also comes for each record that a merge absorbs, and does not delete the survivor.
        done["is_about_record"] = True
    return [done]


def _privacy_deleted(item: JsonObject, thing: str) -> _Touchpoints:
    number = identifier(item.get("objectId"))
    if number is None or thing != "contact":
        return None
    return [_touchpoint(thing, number, "Erasure Requested", type="erase")]


def _changed(item: JsonObject, thing: str, account_property: str | None) -> _Touchpoints:
    number = identifier(item.get("objectId"))
    changed = text(item.get("propertyName"))
    if number is None or changed is None:
        return None
    value = item.get("propertyValue")
    touchpoint = _change(thing, number, changed, value)
    named = identifier(value)
    if named is not None and changed == account_property:
        # Of a company: the account that its record stands for, until a later change corrects it.
        touchpoint["account_id"] = named
    elif (
        thing == "company"
        and changed == account_property
        and values.is_cleared(item, "propertyValue")
    ):
        # Which account it was is not said: the company is one of its own again.
        touchpoint["account_id"] = touchpoint["account_external_id"]
    elif named is not None and named.strip("0") and changed == _COMPANY_OF.get(thing):
        touchpoint |= _who("company", named)
    return [touchpoint]


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
            names = _additional(value) if changed == _ADDITIONAL else None
            more = present(
                {
                    "type": "identify",
                    "traits": {changed: value},
                    "email": address,
                    "previous_names": names or None,
                }
            )
        case "company":
            more = {"type": "group", "account_traits": {changed: value}}
        case _:
            more = {"properties": {changed: value, f"{thing}_id": number}}
            if changed == "amount":
                more = present({**more, "value": values.number(value)})
    if changed == "hs_ticket_category":
        more = present({**more, "friction": text(value)})
    return _touchpoint(thing, number, event, **more)


def _additional(value: object) -> list[str]:
    return values.further_emails((text(value) or "").split(";"))


def _merged(item: JsonObject, thing: str, name: str | None) -> _Touchpoints:
    primary = identifier(item.get("primaryObjectId")) or identifier(item.get("objectId"))
    survivor = identifier(item.get("newObjectId")) or primary
    others = item.get("mergedObjectIds")
    if survivor is None or not isinstance(others, list):
        return None
    gone = [identifier(other) for other in (primary, *others)]
    merged = [number for number in dict.fromkeys(gone) if number is not None and number != survivor]
    return [
        {
            **_merge(thing, survivor, number),
            "event": f"{_TITLES[thing]} Merged",
            "channel": _CHANNELS.get(thing, "crm"),
            "message_id": None if name is None else values.shortened(f"{name}:{number}"),
        }
        for number in merged
    ]


def _merge(thing: str, survivor: str, number: str) -> JsonObject:
    own, absorbed = (f"{PROVIDER}:{thing}:{each}" for each in (survivor, number))
    if thing == "company":
        return {"type": "merge", "account_external_id": own, "previous_account_id": absorbed}
    return {"type": "alias", "external_id": own, "previous_names": [EXTERNAL + absorbed]}


def _associated(item: JsonObject) -> _Touchpoints:
    """Associations like CONTACT_TO_COMPANY, in either order; only a company joins the other to an account."""
    kinds = (text(item.get("associationType")) or "").lower().split("_to_")
    types = [text(item.get(name)) or "" for name in ("fromObjectTypeId", "toObjectTypeId")]
    if all(each in _OBJECT_TYPES for each in types):
        kinds = [_OBJECT_TYPES[each] for each in types]
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
    if is_removed and (text(item.get("changeSource")) or "").startswith(_BY_A_MERGE):
        # The survivor of the merge is in the company still.
        touchpoint["is_about_record"] = True
    elif company is not None:
        touchpoint |= _who("company", company)
        if is_removed:
            touchpoint["type"] = "leave"
    return [touchpoint]
