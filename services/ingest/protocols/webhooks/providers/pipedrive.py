"""Pipedrive's webhooks v2: persons, organizations, deals, leads, activities and notes.

A person is the anonymous id `pipedrive:person:<id>`, an organization `pipedrive:organization:<id>`. A merge
comes as the deletion of one, whose `meta` names the other (`merged_to_id`), and a change of the other.
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
        return {**event, "type": "merge", "account_id": survivor, "previous_account_id": own}
    return {**event, "type": "alias", "anonymous_id": survivor, "previous_id": own}


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
                return self._party(name)
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

    def _party(self, name: str | None) -> list[JsonObject]:
        is_person = self._thing == "person"
        names = ("name", "first_name", "last_name", "job_title", "label", "website", "industry")
        traits = {
            key: value
            for key in names
            if isinstance(value := self._whole.get(key), str | int | float | bool)
        }
        kind, field = ("identify", "traits") if is_person else ("group", "account_traits")
        touchpoints = [self._touchpoint(self._event(), **{"type": kind, field: traits})]
        account_id = self._account_named()
        if not is_person and account_id is not None and self._action != "delete":
            own = None if name is None else values.shortened(f"{name}:account")
            former = f"{PROVIDER}:organization:{self._number}"
            merge = {"type": "merge", "event": "Company Merged", "channel": "crm"}
            touchpoints.append(
                {
                    **merge,
                    "account_id": account_id,
                    "previous_account_id": former,
                    "message_id": own,
                }
            )
        return touchpoints

    def _account_named(self) -> str | None:
        """The account id in a field of the record, or in a custom field, whose values are objects."""
        name = self._account_property
        if name is None:
            return None
        custom = values.mapping(self._whole.get("custom_fields")).get(name)
        if isinstance(custom, dict):
            custom = custom.get("value")
        return identifier(self._whole.get(name)) or identifier(custom)

    def _touchpoint(self, event: str, **more: Any) -> JsonObject:  # noqa: ANN401 - fields
        return {"event": event, "channel": "crm", **self._who(), **more}

    def _who(self) -> JsonObject:
        own = f"{PROVIDER}:{self._thing}:{self._number}"
        if self._thing == "organization":
            return {"account_id": own}
        person = self._number if self._thing == "person" else _id(self._whole.get("person_id"))
        organization = _id(self._whole.get("org_id"))
        account_id = organization and f"{PROVIDER}:organization:{organization}"
        return present(
            {
                "anonymous_id": f"{PROVIDER}:person:{person}" if person else own,
                "account_id": self._account_named() or account_id,
                "email": self._email(),
            }
        )

    def _email(self) -> str | None:
        listed = self._whole.get("emails")
        emails = (
            [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        )
        emails.sort(key=lambda each: each.get("primary") is not True)
        addresses = (values.email(each.get("value")) for each in emails)
        return next((address for address in addresses if address), None)


def _id(value: object) -> str | None:
    """Id of a referenced record, which is a number or an object with one."""
    return identifier(value.get("value") or value.get("id") if isinstance(value, dict) else value)


def _short(note: str | None) -> str | None:
    """The note, cut to the length of a thought."""
    return note and note[:4_000]
