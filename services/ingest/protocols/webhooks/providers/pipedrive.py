"""Pipedrive's webhooks v2: persons, organizations, deals, leads, activities and notes.

A person is the `external_id` `pipedrive:person:<id>`, an organization the `account_external_id`
`pipedrive:organization:<id>`. A deal of an organization is the `external_id` `pipedrive:deal:<id>`; one
without is its person's. A merge comes as the deletion of one, whose `meta` names the other
(`merged_to_id`), and a change of the other.
Source: Pipedrive's "Guide for Webhooks v2" and its migration guide.
"""

from collections.abc import Mapping
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

PROVIDER = "pipedrive"

_TITLES = {
    "person": "Contact",
    "organization": "Company",
    "deal": "Deal",
    "lead": "Lead",
    "activity": "Activity",
    "note": "Note",
}
_ACTIONS = {"create": "Created", "change": "Updated", "delete": "Deleted"}
_MERGED = ("person", "organization", "deal")
_DEAL_STATUS = {"won": "Deal Won", "lost": "Deal Lost", "open": "Deal Reopened"}
_ACTIVITIES = {"call": ("Call Logged", "phone"), "meeting": ("Meeting Held", "meeting")}


def read(item: JsonObject, settings: SourceSettings) -> ProviderItem:
    """Read one change."""
    meta = values.mapping(item.get("meta"))
    action, thing = text(meta.get("action")) or "", text(meta.get("entity")) or ""
    number = identifier(meta.get("entity_id"))
    timestamp = meta.get("timestamp")
    name = values.message_id(PROVIDER, meta.get("id")) or values.message_id(
        PROVIDER, meta.get("webhook_id"), thing, number, timestamp
    )
    survivor = identifier(meta.get("merged_to_id"))
    touchpoints: list[JsonObject] | None = None
    if action == "delete" and thing in _MERGED and number and survivor not in (None, number):
        touchpoints = [_merged(thing, number, f"{PROVIDER}:{thing}:{survivor}")]
    elif thing in _TITLES and action in _ACTIONS and number is not None:
        change = _Change(
            thing=thing,
            action=action,
            number=number,
            now=values.mapping(item.get("data")),
            before=values.mapping(item.get("previous")),
            account_property=settings.account_id_property,
        )
        touchpoints = change.touchpoints(name)
    return ProviderItem(
        type=f"{action}.{thing}",
        message_id=name,
        occurred_at=values.instant(timestamp),
        touchpoints=touchpoints,
    )


def _merged(thing: str, number: str, survivor: str) -> JsonObject:
    own = f"{PROVIDER}:{thing}:{number}"
    event = {"event": f"{_TITLES[thing]} Merged", "channel": "crm"}
    if thing == "organization":
        merge = {"account_external_id": survivor, "previous_account_id": own}
        return {**event, "type": "merge", **merge}
    previous = [names.EXTERNAL + own]
    return {**event, "type": "alias", "external_id": survivor, "previous_names": previous}


class _Change:
    """One change; `before` holds the changed fields, or all fields of a deleted record."""

    def __init__(
        self,
        *,
        thing: str,
        action: str,
        number: str,
        now: Mapping[str, Any],
        before: Mapping[str, Any],
        account_property: str | None,
    ) -> None:
        self._thing = thing
        self._action = action
        self._number = number
        self._now = now
        self._before = before
        self._whole = now or before
        self._account_property = account_property

    def touchpoints(self, name: str | None) -> list[JsonObject]:
        """One or more; all but the first have message ids derived from `name`."""
        return [*self._main(name), *self._left(name)]

    def _main(self, name: str | None) -> list[JsonObject]:
        match self._thing, self._action:
            case "deal", "change":
                return self._deal_changed(name)
            case "deal", _:
                return [self._touchpoint(self._event(), **self._deal_facts())]
            case "activity", _:
                return [self._activity()]
            case "note", "create":
                note = text(self._now.get("content"))
                return [self._touchpoint("Note Logged", **present({"thought": _short(note)}))]
            case (("person" | "organization"), _):
                return [self._party()]
            case _:
                properties = present({f"{self._thing}_id": self._number, **self._title()})
                return [self._touchpoint(self._event(), properties=properties)]

    def _event(self) -> str:
        return f"{_TITLES[self._thing]} {_ACTIONS[self._action]}"

    def _title(self) -> JsonObject:
        return {"title": self._whole.get("title")}

    def _deal_changed(self, name: str | None) -> list[JsonObject]:
        touchpoints: list[JsonObject] = []
        facts = self._deal_facts()
        if "stage_id" in self._before:
            former = identifier(self._before["stage_id"])
            properties = present({**facts["properties"], "previous": former})
            moved = {**facts, "properties": properties}
            touchpoints.append(self._touchpoint("Deal Stage Changed", **moved))
        status = _DEAL_STATUS.get(text(self._now.get("status")) or "")
        if "status" in self._before and status is not None:
            lost = text(self._now.get("lost_reason")) if status == "Deal Lost" else None
            closed = present({**facts, "friction": lost and lost[:100]})
            # The same message id whether or not another touchpoint comes before it.
            own = None if name is None else values.shortened(f"{name}:status")
            touchpoints.append({**self._touchpoint(status, **closed), "message_id": own})
        return touchpoints or [self._touchpoint("Deal Updated", **facts)]

    def _deal_facts(self) -> JsonObject:
        whole = self._whole
        properties = {
            "deal_id": self._number,
            "stage": identifier(whole.get("stage_id")),
            "pipeline": identifier(whole.get("pipeline_id")),
            "status": whole.get("status"),
            "currency": whole.get("currency"),
            **self._title(),
        }
        return present(
            {"properties": present(properties), "value": values.number(whole.get("value"))}
        )

    def _activity(self) -> JsonObject:
        is_done = self._now.get("done") is True
        was_done = self._before.get("done", is_done if self._action == "change" else False) is True
        kind = text(self._whole.get("type"))
        event, channel = self._event(), "crm"
        if self._action == "create" and not is_done:
            event = "Activity Scheduled"
        elif is_done and not was_done:
            event, channel = _ACTIVITIES.get(kind or "", ("Activity Completed", "crm"))
        properties = {
            "activity_id": self._number,
            "type": kind,
            "subject": self._whole.get("subject"),
        }
        return {**self._touchpoint(event, properties=present(properties)), "channel": channel}

    def _party(self) -> JsonObject:
        is_person = self._thing == "person"
        fields = ("name", "first_name", "last_name", "job_title", "label", "website", "industry")
        traits = {
            key: value
            for key in fields
            if isinstance(value := self._whole.get(key), str | int | float | bool)
        }
        kind, field = ("identify", "traits") if is_person else ("group", "account_traits")
        return self._touchpoint(self._event(), **{"type": kind, field: traits})

    def _left(self, name: str | None) -> list[JsonObject]:
        """A person or deal that has another organization, or none, is in the former no longer."""
        if self._action != "change" or self._thing not in ("person", "deal"):
            return []
        was_named = self._account_named(self._before) is not None
        if self._account_named(self._now) is not None and not was_named:
            # Its own field says where it is, whatever organization it had.
            return []
        former = self._account(self._before)
        if not former or former == self._account(self._now):
            return []
        if any(map(names.is_junk, former.values())):
            return []
        left = {
            "type": "leave",
            "event": f"{_TITLES[self._thing]} Unlinked",
            "channel": "crm",
            "external_id": self._own(),
            "message_id": None if name is None else values.shortened(f"{name}:left"),
        }
        return [{**left, **former}]

    def _account_named(self, record: Mapping[str, Any]) -> str | None:
        """The account id in a field of a record, or in a custom field, whose values are objects."""
        name = self._account_property
        if name is None:
            return None
        custom = values.mapping(record.get("custom_fields")).get(name)
        if isinstance(custom, dict):
            custom = custom.get("value")
        return identifier(record.get(name)) or identifier(custom)

    def _is_account_cleared(self) -> bool:
        """Whether a change emptied the field: one that does not concern the field tells nothing of it."""
        was_named = self._account_named(self._before) is not None
        return self._action == "change" and was_named and self._account_named(self._now) is None

    def _account(self, record: Mapping[str, Any]) -> JsonObject:
        """The account of a record that is no organization, as its own field or its organization says."""
        # A lead has its own name for the reference.
        organization = _id(record.get("org_id")) or _id(record.get("organization_id"))
        own = organization and f"{PROVIDER}:organization:{organization}"
        return values.account(self._account_named(record), own)

    def _touchpoint(self, event: str, **more: Any) -> JsonObject:  # noqa: ANN401 - fields
        touchpoint = {"event": event, "channel": "crm", **self._who(), **more}
        names_itself = self._own() in (
            touchpoint.get("external_id"),
            touchpoint.get("account_external_id"),
        )
        if self._action == "delete" and names_itself:
            touchpoint["is_about_record"] = True
        return touchpoint

    def _own(self) -> str:
        return f"{PROVIDER}:{self._thing}:{self._number}"

    def _who(self) -> JsonObject:
        whole = self._whole
        if self._thing == "organization":
            # Both: the record is that account, until its field says another.
            account_id = None if self._action == "delete" else self._account_named(whole)
            if account_id is None and self._is_account_cleared():
                account_id = self._own()
            return present({"account_external_id": self._own(), "account_id": account_id})
        account = self._account(whole)
        if self._thing == "person":
            # A record that is gone says no more whose address it was.
            emails = [] if self._action == "delete" else self._emails()
            return present(
                {
                    "external_id": self._own(),
                    "email": next(iter(emails), None),
                    "previous_names": values.further_emails(emails[1:]) or None,
                    **account,
                }
            )
        person, deal = _id(whole.get("person_id")), _id(whole.get("deal_id"))
        external_id = self._own()
        # A deal of a company is an object of its own, which moves as a whole when its company is corrected.
        if person is not None and not (self._thing == "deal" and account):
            external_id = f"{PROVIDER}:person:{person}"
        elif deal is not None and not account:
            external_id = f"{PROVIDER}:deal:{deal}"
        return {"external_id": external_id, **account}

    def _emails(self) -> list[str]:
        """The addresses of a person, the primary one first."""
        listed = self._whole.get("emails")
        emails = (
            [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        )
        emails.sort(key=lambda each: each.get("primary") is not True)
        return list(filter(None, (values.email(each.get("value")) for each in emails)))


def _id(value: object) -> str | None:
    """Id of a referenced record, which is a number or an object with one; 0 refers to none."""
    number = identifier(value.get("value") or value.get("id") if isinstance(value, dict) else value)
    return None if number == "0" else number


def _short(note: str | None) -> str | None:
    """The note, cut to the length of a thought."""
    return note and note[:4_000]
