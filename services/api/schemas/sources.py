"""Sources: what people set up, and what is seen of it."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from pydantic import AfterValidator, Field, WithJsonSchema

from services.api.schemas.base import PageQuery, RequestModel, ResponseModel
from services.api.schemas.fields import Instant
from shared.sources.event import Outcome
from shared.sources.secret import MAX_CHARS
from shared.sources.source import ConsentRule, SourceKind, SourceSettings

MAX_NAME_CHARS = 100
_YEAR_DAYS = 366


def _settings_schema() -> dict[str, Any]:
    """JSON Schema of the settings, in one piece: the document knows no models but its own."""
    (_, _), made = msgspec.json.schema_components([SourceSettings, ConsentRule])
    # Through JSON, as whoever reads the document gets it: defaults are lists, not tuples.
    parts = msgspec.json.decode(msgspec.json.encode(made))
    settings: dict[str, Any] = parts["SourceSettings"]
    consent = {"anyOf": [{"type": "null"}, parts["ConsentRule"]], "default": None}
    return {
        "type": "object",
        "description": "What docs/sources.md has a row for; null means the default.",
        "properties": settings["properties"] | {"consent": consent},
        "additionalProperties": False,
    }


Settings = Annotated[dict[str, Any], WithJsonSchema(_settings_schema())]


def _name(text: str) -> str:
    name = text.strip()
    if not 1 <= len(name) <= MAX_NAME_CHARS or not name.isprintable():
        message = f"a name has 1 to {MAX_NAME_CHARS} printable characters"
        raise ValueError(message)
    if name.startswith("src_"):
        message = "a name does not begin with src_, as ids do"
        raise ValueError(message)
    return name


Name = Annotated[
    str,
    AfterValidator(_name),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_NAME_CHARS,
            "description": "What people call it; unique in its workspace.",
        }
    ),
]


class NewSource(RequestModel):
    """A source to be made."""

    name: Name
    kind: SourceKind = Field(description="What sends; cannot be changed later.")
    settings: Settings = Field(default={})


class SourceChange(RequestModel):
    """What to change; what is left out stays."""

    name: Name | None = None
    settings: Settings = Field(
        default={},
        description="Settings named here are replaced, each as a whole; null puts one back.",
    )


class SecretInfo(ResponseModel):
    """A secret in use, without the secret."""

    secret_id: UUID
    created_at: Instant
    expires_at: Instant | None = Field(description="Null: not before somebody ends it.")


class KeyInfo(ResponseModel):
    """A write key of a source, without the key."""

    key_id: str
    label: str
    created_at: Instant
    expires_at: Instant | None
    revoked_at: Instant | None


class SourceItem(ResponseModel):
    """A source as it is set up."""

    source_id: str = Field(description="Random; names the source in addresses of webhooks.")
    name: str
    kind: SourceKind
    created_at: Instant
    paused_at: Instant | None = Field(description="Since when its senders are held off.")
    settings: dict[str, Any] = Field(description="All of them, defaults spelled out.")
    webhook_path: str | None = Field(
        description="Where its provider posts to, below the address of ingest; null where senders"
        " show a key."
    )


class Sources(ResponseModel):
    """Every source of the workspace, by name."""

    items: list[SourceItem]
    next_cursor: None = None


class SourceDetail(SourceItem):
    """A source with what its senders are known by."""

    secrets: list[SecretInfo] = Field(description="Those in use, newest first.")
    keys: list[KeyInfo] = Field(description="Those bound to it, newest first.")


class NewSecret(RequestModel):
    """A secret to be taken into use."""

    value: str | None = Field(
        default=None,
        max_length=MAX_CHARS,
        description="The secret as the provider shows it. Left out: one is made, for"
        " `standard-webhooks` and `generic`.",
    )
    others_expire_in_seconds: int | None = Field(
        default=None,
        ge=0,
        le=365 * 86_400,
        description="When those that are in use end: a day gives time to change it at the sender."
        " Left out: not at all.",
    )


class CreatedSecret(SecretInfo):
    """A secret that is in use from now on."""

    value: str | None = Field(
        description="The secret, if it was made here. It is not shown again; null where it was given."
    )


class EndSecretQuery(RequestModel):
    """When a secret ends."""

    in_seconds: int = Field(
        default=0, ge=0, le=365 * 86_400, description="How long it is of use still."
    )


class NewKey(RequestModel):
    """A write key to be made."""

    label: str = Field(default="", max_length=200, description="What the key is for.")
    expires_in_days: int | None = Field(
        default=None, ge=1, le=36_500, description="Left out: it does not expire."
    )


class CreatedKey(ResponseModel):
    """A write key that works from now on."""

    key_id: str
    key: str = Field(description="The key. It is not shown again: only a hash is stored.")
    expires_at: Instant | None


class SourceEventsQuery(PageQuery):
    """Which of the newest events."""

    after: int | None = Field(
        default=None,
        ge=0,
        le=2**63 - 1,
        description="Only events with a higher `id`: what has come since.",
    )
    outcome: Outcome | None = Field(default=None, description="Only these.")


class CausedTransition(ResponseModel):
    """A move on a journey that an event brought about."""

    journey: str
    kind: str
    from_stage: str | None
    to_stage: str | None
    outcome: str | None


class Became(ResponseModel):
    """What became of an accepted event.

    `pending`: in the log, not processed yet. `duplicate`: its `message_id` had come before, and
    counts once. `dead_letter`: it could not be applied, and is kept.
    """

    state: Literal["pending", "applied", "duplicate", "dead_letter"]
    processed_at: Instant | None
    subject_id: str | None = Field(description="The account, or the person, that it counts for.")
    reason: str | None = Field(description="Why it is a dead letter.")
    detail: str | None
    transitions: list[CausedTransition]


class SourceEventItem(ResponseModel):
    """One event, or one request of which nothing was stored."""

    id: int
    received_at: Instant
    route: str
    outcome: Outcome
    code: str | None = Field(description="Why it was refused or dropped; see docs/ingest.md.")
    detail: str | None
    message_id: str | None
    event: str | None = Field(description="Null where a whole request was turned away.")
    person: str | None = Field(description="Its strongest name, hashed where the source says so.")
    account_id: str | None
    became: Became | None = Field(description="Null where it was not accepted.")


class SourceEvents(ResponseModel):
    """A page of the newest events, newest first. Some hundreds are kept; not all at high rates."""

    items: list[SourceEventItem]
    next_cursor: str | None


class UsageQuery(RequestModel):
    """How far back."""

    days: int = Field(default=30, ge=1, le=_YEAR_DAYS, description="UTC days, today included.")


class UsageItem(ResponseModel):
    """Events of a UTC day. Those of requests that were turned away as a whole are not counted."""

    day: date
    accepted: int
    refused: int
    dropped: int


class Usage(ResponseModel):
    """Usage by day, newest first; days without events are left out."""

    items: list[UsageItem]
    next_cursor: None = None
