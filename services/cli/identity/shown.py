"""A person and conflicts as fields and rows. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from services.cli.reading import cells

CONFLICT_COLUMNS = ("name", "of", "other", "of", "said (UTC)", "event", "why apart")

_WHY = {
    "unmerged": "unmerged",
    "limit": "limit: one person would have too many user ids, or records of a kind",
    "shared": "shared: a name is beside too many others",
}
_HOW = {"together": "in one event with", "explicit": "merged with", "device": "on the device"}


def person_fields(person: Mapping[str, Any]) -> Iterator[tuple[str, Text]]:
    """The person as fields: names with what brought each, devices and accounts in time, the rest."""
    yield "person", cells.text(person["person_id"], "bold")
    yield "account", cells.text(person["account_id"])
    if person["is_shared"]:
        yield "", Text("shared by many people: it joins no further names", style="yellow")
    for each in person["names"]:
        yield "name", cells.text(f"{each['name']}{_brought(each)}")
    for each in person["devices"]:
        yield "device", cells.text(f"{each['name']}, {_period(each)}")
    for each in person["memberships"]:
        yield "in account", cells.text(f"{each['account_id']}, {_period(each)}")
    for each in person["conflicts"]:
        said, why = each["statement"], _WHY.get(each["why"], each["why"])
        apart = f"{said['name']} and {said['other']} are not joined: {why}"
        yield "conflict", cells.text(apart, "yellow")
    for each in person["ignored"]:
        at = cells.instant(each["occurred_at"])
        yield "ignored", cells.text(f"{each['field']} `{each['value']}` of {at}")


def conflict_row(conflict: Mapping[str, Any]) -> tuple[Text, ...]:
    """The row of one conflict."""
    said = conflict["statement"]
    return (
        cells.text(said["name"], "bold"),
        cells.text(conflict["person_id"]),
        cells.text(said["other"], "bold"),
        cells.text(conflict["other_person_id"]),
        cells.instant(said["occurred_at"]),
        cells.text(said["message_id"]),
        cells.text(conflict["why"]),
    )


def _brought(each: Mapping[str, Any]) -> str:
    said = each["statement"]
    if said is None:
        return ""
    other = said["name"] if each["name"] == said["other"] else said["other"]
    by = f" by {said['logged_by']}" if said["logged_by"] else ""
    why = f": {said['reason']}" if said["reason"] else ""
    at = cells.instant(said["occurred_at"])
    return f", {_HOW.get(said['kind'], said['kind'])} {other} since {at}{by}{why}"


def _period(each: Mapping[str, Any]) -> str:
    until = f" until {cells.instant(each['until'])}" if each["until"] else ""
    return f"since {cells.instant(each['from'])}{until}"
