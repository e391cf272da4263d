"""Salesforce: records out of outbound messages, Flow callouts and change events.

A record is an object with its type in `attributes.type`, as Salesforce's REST API writes it; a change
event carries `ChangeEventHeader`. A contact, lead, opportunity or case is an `external_id`
(`salesforce:contact:003...`), an account an `account_external_id` (`salesforce:account:001...`). A change
event names the account only when that is what changed. Ids are kept in their form of 18 characters.
Source: Salesforce's object reference and "Change Data Capture Developer Guide".
"""

import re
from collections.abc import Mapping
from typing import Any

from services.ingest.protocols.webhooks.providers import item as values
from services.ingest.protocols.webhooks.providers.item import (
    JsonObject,
    ProviderItem,
    present,
    text,
)
from shared.contracts.names import EXTERNAL
from shared.sources.source import SourceSettings

PROVIDER = "salesforce"

NOTIFICATION = "notificationId"
"""Field for the id of an outbound message's notification, which identifies the delivery."""

_THINGS = {
    "Account": ("account", "Company"),
    "Contact": ("contact", "Contact"),
    "Lead": ("lead", "Lead"),
    "Opportunity": ("opportunity", "Deal"),
    "Case": ("case", "Ticket"),
    "Task": ("task", "Activity"),
    "Event": ("event", "Activity"),
}
_DONE = {"CREATE": "Created", "DELETE": "Deleted", "UNDELETE": "Restored"}
_CHANGES = {"CREATE", "UPDATE", "DELETE", "UNDELETE"}
"""Other types report lost changes without their content."""

_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Z0-5]{3})?")
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"

_NOT_TRAITS = {"attributes", "ChangeEventHeader", NOTIFICATION, "Id"}


def record_id(value: object) -> str | None:
    """A record's id in its form of 18 characters; the last three encode the case of the others."""
    if not isinstance(value, str) or _ID.fullmatch(value) is None:
        return None
    core = value[:15]
    blocks = (core[start : start + 5] for start in (0, 5, 10))
    bits = (sum(1 << place for place, char in enumerate(b) if char.isupper()) for b in blocks)
    return core + "".join(_CHECK[each] for each in bits)


def record_of(item: JsonObject) -> JsonObject:
    """The record inside a change event or a relay's envelope, or the item itself."""
    for _ in range(3):
        inner = next(
            (
                item[name]
                for name in ("detail", "data", "payload")
                if isinstance(item.get(name), dict)
            ),
            None,
        )
        if "ChangeEventHeader" in item or "attributes" in item or inner is None:
            break
        item = inner
    return item


def read(item: JsonObject, settings: SourceSettings) -> ProviderItem:
    """Read one record."""
    record = record_of(item)
    header = values.mapping(record.get("ChangeEventHeader"))
    if header:
        return _change_event(record, header, settings)
    kind = text(values.mapping(record.get("attributes")).get("type")) or ""
    number = record_id(record.get("Id"))
    changed_at = record.get("LastModifiedDate") or record.get("SystemModstamp")
    notification = record.get(NOTIFICATION)
    name = (
        values.message_id(PROVIDER, notification)
        if notification is not None
        else values.message_id(PROVIDER, number, changed_at)
    )
    touchpoints = None
    if number is not None and kind in _THINGS:
        touchpoints = _Record(kind, number, record, "", settings).touchpoints(name)
    return ProviderItem(
        type=kind or "record",
        message_id=name,
        occurred_at=values.instant(changed_at),
        touchpoints=touchpoints,
    )


def _change_event(
    record: JsonObject, header: Mapping[str, Any], settings: SourceSettings
) -> ProviderItem:
    kind, change = text(header.get("entityName")) or "", text(header.get("changeType")) or ""
    ids = header.get("recordIds")
    numbers = [record_id(each) for each in ids] if isinstance(ids, list) else []
    name = values.message_id(
        PROVIDER, header.get("transactionKey"), header.get("sequenceNumber") or 0, kind
    )
    touchpoints: list[JsonObject] | None = None
    if kind in _THINGS and change in _CHANGES and numbers and None not in numbers:
        touchpoints = []
        for number in filter(None, numbers):
            own = None if name is None else values.shortened(f"{name}:{number}")
            of_record = _Record(kind, number, record, change, settings).touchpoints(own)
            if own is not None and of_record:
                of_record[0].setdefault("message_id", own)
            touchpoints += of_record
    return ProviderItem(
        type=f"{kind}.{change}",
        message_id=name,
        occurred_at=values.instant(header.get("commitTimestamp")),
        touchpoints=touchpoints,
    )


class _Record:
    """One record and the type of its change; `change` is empty where it is not sent."""

    def __init__(
        self, kind: str, number: str, record: JsonObject, change: str, settings: SourceSettings
    ) -> None:
        self._kind = kind
        self._thing, self._title = _THINGS[kind]
        self._number = number
        self._record = record
        self._change = change
        self._account_property = settings.account_id_property

    def touchpoints(self, name: str | None) -> list[JsonObject]:
        """One or more; all but the first have message ids derived from `name`."""
        touchpoints = [self._main()]
        for suffix, fields in self._more():
            own = None if name is None else values.shortened(f"{name}:{suffix}")
            touchpoints.append({**fields, "message_id": own})
        return touchpoints

    def _main(self) -> JsonObject:  # noqa: PLR0911 - a table
        survivor = record_id(self._record.get("MasterRecordId"))
        if survivor is not None and survivor != self._number:
            return self._merged(survivor)
        if self._change in _DONE:
            event = f"{self._title} {_DONE[self._change]}"
            event = "Ticket Opened" if event == "Ticket Created" else event
            done = self._touchpoint(event, **self._facts())
            if self._change == "DELETE" and not self._is_of_another(done):
                done["is_about_record"] = True
            return done
        match self._kind:
            case "Opportunity" if self._record.get("StageName") is not None:
                return self._touchpoint("Deal Stage Changed", **self._facts())
            case "Case":
                return self._touchpoint(self._case_event(), **self._facts())
            case "Lead":
                return self._lead()
            case "Task" | "Event":
                return self._touchpoint("Activity Logged", **self._facts())
            case _:
                return self._touchpoint(f"{self._title} Updated", **self._facts())

    def _more(self) -> list[tuple[str, JsonObject]]:
        more: list[tuple[str, JsonObject]] = []
        is_closed = _true(self._record.get("IsClosed"))
        if self._kind == "Opportunity" and _true(self._record.get("IsWon")):
            more.append(("closed", self._touchpoint("Deal Won", **self._facts())))
        elif self._kind == "Opportunity" and is_closed and self._change != "DELETE":
            more.append(("closed", self._touchpoint("Deal Lost", **self._facts())))
        return more

    def _account_named(self) -> str | None:
        name = self._account_property
        return None if name is None else values.identifier(self._record.get(name))

    def _touchpoint(self, event: str, **more: Any) -> JsonObject:  # noqa: ANN401 - fields
        channel = "support" if self._kind == "Case" else "crm"
        return {"event": event, "channel": channel, **self._who(), **more}

    def _who(self) -> JsonObject:
        own = _named(self._thing, self._number)
        if self._kind == "Account":
            # Both: the record is that account, until its field says another.
            account_id = self._account_named()
            if self._change not in _DONE and values.is_cleared(
                self._record, self._account_property
            ):
                account_id = own
            return present({"account_external_id": own, "account_id": account_id})
        account = self._account("AccountId")
        contact = record_id(self._record.get("ContactId") or self._record.get("WhoId"))
        is_of_contact = self._kind in ("Task", "Event") or (self._kind == "Case" and not account)
        if contact is not None and is_of_contact:
            thing = "lead" if contact.startswith("00Q") else "contact"
            return {"external_id": _named(thing, contact), **account}
        # An address beside an opportunity or case would make it one with a person.
        is_person = self._kind in ("Contact", "Lead")
        address = values.email(self._record.get("Email")) if is_person else None
        return present({"external_id": own, "email": address, **account})

    def _is_of_another(self, touchpoint: JsonObject) -> bool:
        """Whether the touchpoint of a case or activity names its contact and not the record itself."""
        own = _named(self._thing, self._number)
        return self._kind != "Account" and touchpoint["external_id"] != own

    def _account(self, field: str) -> JsonObject:
        """The account by the record's own field, else by its reference `field`."""
        number = record_id(self._record.get(field))
        return values.account(self._account_named(), number and _named("account", number))

    def _facts(self) -> JsonObject:
        record = self._record
        match self._kind:
            case "Account" | "Contact" | "Lead":
                traits = {
                    name: value
                    for name, value in record.items()
                    if name not in _NOT_TRAITS and isinstance(value, str | int | float | bool)
                }
                if self._kind == "Account":
                    return {"type": "group", "account_traits": traits}
                return {"type": "identify", "traits": traits}
            case "Opportunity":
                properties = {
                    "deal_id": self._number,
                    "stage": record.get("StageName"),
                    "name": record.get("Name"),
                    "currency": record.get("CurrencyIsoCode"),
                }
                value = values.number(record.get("Amount"))
                return present({"properties": present(properties), "value": value})
            case "Case":
                properties = {
                    "ticket_id": self._number,
                    "status": record.get("Status"),
                    "priority": record.get("Priority"),
                    "subject": record.get("Subject"),
                }
                friction = text(record.get("Reason"))
                return present({"properties": present(properties), "friction": friction})
            case _:
                names = ("Subject", "Status", "Type", "CallType")
                facts = {name.lower(): record.get(name) for name in names}
                return {"properties": present({"activity_id": self._number, **facts})}

    def _case_event(self) -> str:
        if _true(self._record.get("IsClosed")) or self._record.get("Status") == "Closed":
            return "Ticket Solved"
        if self._record.get("Status") == "New":
            return "Ticket Opened"
        return "Ticket Updated"

    def _lead(self) -> JsonObject:
        contact = record_id(self._record.get("ConvertedContactId"))
        if contact is not None:
            return {
                "type": "alias",
                "event": "Lead Converted",
                "channel": "crm",
                "external_id": _named("contact", contact),
                "previous_names": [EXTERNAL + _named("lead", self._number)],
                **present({"email": values.email(self._record.get("Email"))}),
                **self._account("ConvertedAccountId"),
            }
        status = text(self._record.get("Status"))
        if status is None:
            return self._touchpoint("Lead Updated", **self._facts())
        facts = {**self._facts(), "properties": {"stage": status}}
        return self._touchpoint("Lead Status Changed", **facts)

    def _merged(self, survivor: str) -> JsonObject:
        own, kept = (_named(self._thing, each) for each in (self._number, survivor))
        event = {"event": f"{self._title} Merged", "channel": "crm"}
        if self._kind == "Account":
            merge = {"account_external_id": kept, "previous_account_id": own}
            return {**event, "type": "merge", **merge}
        return {**event, "type": "alias", "external_id": kept, "previous_names": [EXTERNAL + own]}


def _named(thing: str, number: str) -> str:
    return f"{PROVIDER}:{thing}:{number}"


def _true(value: object) -> bool:
    """XML has booleans as text."""
    return value is True or value == "true"
