"""Who is who: a person's names with the statements that brought them, and statements that joined nothing."""

from typing import Literal

from pydantic import Field

from services.api.identity.statements import Kind, Reason
from services.api.schemas.base import Example, ListOf, PageQuery, ResponseModel
from services.api.schemas.fields import Instant

NameKind = Literal["user", "external", "email", "anonymous"]


class Statement(ResponseModel):
    """What an event says about two names."""

    kind: Kind = Field(
        description="`explicit`: they are one. `together`: both were in one event. `device`: `other`, a"
        " device, was used under `name`."
    )
    name: str
    other: str
    occurred_at: Instant
    message_id: str = Field(description="Of the event that says so, as its sender sent it.")
    logged_by: str | None = Field(description="Author of an operator's statement.")
    reason: str | None = Field(description="Why the operator said so.")


class PersonName(ResponseModel):
    """A name of a person."""

    name: str = Field(description="With its prefix, in the form in which it is stored.")
    kind: NameKind
    statement: Statement | None = Field(
        description="What brought the name to the person; null for `person_id` itself, and where the event"
        " is older than the statements."
    )


class DeviceUse(ResponseModel):
    """A time in which a device was the person's."""

    name: str = Field(description="The device, `anonymous:ID`.")
    since: Instant = Field(
        serialization_alias="from",
        description="When the person was identified on it. What the first user of a device did before"
        " is theirs, too.",
    )
    until: Instant | None = Field(description="When somebody else was; null while nobody was.")


class Membership(ResponseModel):
    """A time in which events of the person without an account of their own were an account's."""

    account_id: str = Field(description="What the account is now, merges followed.")
    since: Instant = Field(
        serialization_alias="from",
        description="When the person joined. Earlier events are the first account's, too.",
    )
    until: Instant | None = Field(
        description="When the person left, or joined another one; null if it is the present account."
    )


class Conflict(ResponseModel):
    """A statement that joined nothing."""

    statement: Statement
    person_id: str = Field(description="Whose `name` is; of two accounts the account.")
    other_person_id: str = Field(description="Whose `other` is.")
    why: Reason = Field(
        description="`unmerged`: an unmerge keeps them apart. `limit`: the person would have more user ids,"
        " or records of one kind, than one, or than the settings allow. `shared`: a name is beside too many"
        " others."
    )


class IgnoredId(ResponseModel):
    """An id that names nobody, taken off an event of the person."""

    field: str
    value: str = Field(description="As it was sent, such as `undefined`.")
    occurred_at: Instant
    message_id: str = Field(description="Of the event, as its sender sent it.")


class Person(ResponseModel):
    """Who a person is, and why."""

    name: str = Field(description="The name that was asked for, in the form in which it is stored.")
    person_id: str = Field(description="The strongest name, which stands for the person.")
    account_id: str | None = Field(description="The present account; null without one.")
    names: list[PersonName] = Field(
        description="Up to 500, without devices that were used under another name."
    )
    devices: list[DeviceUse] = Field(description="Of up to 200 devices.")
    memberships: list[Membership]
    conflicts: list[Conflict] = Field(description="Up to 100 statements about names of the person.")
    ignored: list[IgnoredId] = Field(
        description="Of up to 50 events, among the newest 1,000 of the person and of each of its accounts."
    )
    is_shared: bool = Field(
        description="Whether many people seem to use a name: it is beside more than 200 others, unless a"
        " setting says otherwise, and joins no further ones."
    )


class ConflictsQuery(PageQuery):
    """Size and start of a page."""


class Conflicts(ListOf[Conflict]):
    """A page of conflicts."""


_BY_OPERATOR: Example = {
    "kind": "explicit",
    "name": "user:u-17",
    "other": "external:hubspot:contact:8301",
    "occurred_at": "2026-03-04T16:12:00Z",
    "message_id": "0198f2c4-7d1e-7c3a-9a51-2f6f0c6f1b12",
    "logged_by": "crm team (key 0123456789ab)",
    "reason": "same person, by phone",
}

CONFLICT_EXAMPLE: Example = {
    "statement": {
        "kind": "together",
        "name": "user:u-18",
        "other": "email:leah@acme.example",
        "occurred_at": "2026-03-05T08:00:00Z",
        "message_id": "signup-118",
        "logged_by": None,
        "reason": None,
    },
    "person_id": "user:u-18",
    "other_person_id": "user:u-17",
    "why": "limit",
}

PERSON_EXAMPLE: Example = {
    "name": "email:leah@acme.example",
    "person_id": "user:u-17",
    "account_id": "acme",
    "names": [
        {
            "name": "email:leah@acme.example",
            "kind": "email",
            "statement": {
                "kind": "together",
                "name": "user:u-17",
                "other": "email:leah@acme.example",
                "occurred_at": "2026-03-02T09:30:00Z",
                "message_id": "signup-117",
                "logged_by": None,
                "reason": None,
            },
        },
        {
            "name": "external:hubspot:contact:8301",
            "kind": "external",
            "statement": _BY_OPERATOR,
        },
        {"name": "user:u-17", "kind": "user", "statement": None},
    ],
    "devices": [
        {"name": "anonymous:7f3a", "from": "2026-03-02T09:30:00Z", "until": "2026-03-09T10:00:00Z"}
    ],
    "memberships": [{"account_id": "acme", "from": "2026-03-02T09:30:00Z", "until": None}],
    "conflicts": [CONFLICT_EXAMPLE],
    "ignored": [
        {
            "field": "anonymous_id",
            "value": "undefined",
            "occurred_at": "2026-03-03T11:00:00Z",
            "message_id": "page-4711",
        }
    ],
    "is_shared": False,
}

CONFLICTS_EXAMPLE: Example = {"items": [CONFLICT_EXAMPLE], "next_cursor": None}
