"""Sources and their settings."""

from typing import Annotated, Any

import msgspec
from pydantic import AfterValidator, Field, WithJsonSchema

from services.api.schemas.base import Example, RequestModel, ResponseModel
from services.api.schemas.fields import Instant
from services.api.schemas.source_access import KEY_INFO_EXAMPLE, KeyInfo, SecretInfo
from shared.sources.source import ConsentRule, SourceKind, SourceSettings

MAX_NAME_CHARS = 100


def _settings_schema() -> dict[str, Any]:
    """JSON Schema of the settings, without references, which would not resolve in the document."""
    (_, _), components = msgspec.json.schema_components([SourceSettings, ConsentRule])
    # Through JSON, as in the published document: defaults are lists, not tuples.
    parts = msgspec.json.decode(msgspec.json.encode(components))
    settings: dict[str, Any] = parts["SourceSettings"]
    consent = {"anyOf": [{"type": "null"}, parts["ConsentRule"]], "default": None}
    return {
        "type": "object",
        "description": "See the table in docs/sources.md; null means the default.",
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
            "description": "Unique in its workspace.",
        }
    ),
]


class NewSource(RequestModel):
    """A source to be created."""

    name: Name
    kind: SourceKind = Field(description="Kind of the sender; cannot be changed later.")
    settings: Settings = Field(default={})


class SourceChange(RequestModel):
    """What to change; absent fields stay as they are."""

    name: Name | None = None
    settings: Settings = Field(
        default={},
        description="Settings named here are replaced, each as a whole; null restores the default.",
    )


class SourceItem(ResponseModel):
    """A source with its settings."""

    source_id: str = Field(description="Random; part of the addresses of its webhooks.")
    name: str
    kind: SourceKind
    created_at: Instant
    paused_at: Instant | None = Field(description="When it was paused; null while it is not.")
    settings: dict[str, Any] = Field(description="All settings, defaults included.")
    webhook_path: str | None = Field(
        description="Path below the address of ingest that its provider posts to; null where"
        " senders authenticate with a key."
    )


class Sources(ResponseModel):
    """Every source of the workspace, by name."""

    items: list[SourceItem]
    next_cursor: None = None


class SourceDetail(SourceItem):
    """A source with the secrets and keys of its senders."""

    secrets: list[SecretInfo] = Field(description="Valid ones, newest first.")
    keys: list[KeyInfo] = Field(description="Keys of this source, newest first.")


_SETTINGS_EXAMPLE: Example = {
    "allowed_origins": ["https://shop.example"],
    "allow_properties": None,
    "deny_properties": ["properties.card"],
    "hash_fields": ["email"],
    "ip": "drop",
    "consent": {"required": ["analytics"], "when_missing": "drop"},
    "events_per_second": None,
    "burst": None,
    "events_per_day": None,
    "max_age_days": 7,
    "value": "drop",
    "account_traits": "drop",
    "joins": "drop",
    "hubspot_signatures": ["v3"],
    "salesforce_organizations": [],
    "mapping": None,
}

NEW_SOURCE_EXAMPLE: Example = {
    "name": "website",
    "kind": "web",
    "settings": {"allowed_origins": ["https://shop.example"], "ip": "drop"},
}

SOURCE_CHANGE_EXAMPLE: Example = {"settings": {"hash_fields": ["email"], "consent": None}}

_ITEM_EXAMPLE: Example = {
    "source_id": "src_5f0c9a7be21d44cf8a3b6e90",
    "name": "website",
    "kind": "web",
    "created_at": "2026-03-01T08:00:00Z",
    "paused_at": None,
    "settings": _SETTINGS_EXAMPLE,
    "webhook_path": None,
}

SOURCES_EXAMPLE: Example = {"items": [_ITEM_EXAMPLE], "next_cursor": None}

SOURCE_EXAMPLE: Example = {**_ITEM_EXAMPLE, "secrets": [], "keys": [KEY_INFO_EXAMPLE]}

PAUSED_SOURCE_EXAMPLE: Example = {**SOURCE_EXAMPLE, "paused_at": "2026-03-04T16:12:07Z"}
