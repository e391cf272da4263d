"""A source: one website, app or system that sends events, and its settings. Pure.

Settings are kept as JSON and read back by the struct below, so that a name mistyped is refused where
it is written and nothing half-understood is ever stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from shared.ids import WorkspaceId
from shared.sources import paths
from shared.sources.origins import Origins


class SourceKind(StrEnum):
    """What sends: a key's holder, or a provider whose webhooks name the kind in their path."""

    WEB = "web"
    """Browsers: the key is readable by everybody, so origins bind it."""
    SERVER = "server"
    HUBSPOT = "hubspot"
    SALESFORCE = "salesforce"
    STRIPE = "stripe"
    PIPEDRIVE = "pipedrive"
    STANDARD_WEBHOOKS = "standard-webhooks"
    GENERIC = "generic"
    """Any JSON, read by a declarative mapping."""


KINDS_WITH_KEYS = frozenset({SourceKind.WEB, SourceKind.SERVER})
"""Kinds whose senders show an API key; all others post to `/v1/webhooks/{kind}/{source_id}`."""

_Text = Annotated[str, Meta(min_length=1, max_length=300)]


class ConsentRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which consent an event must carry in `context.consent.categoryPreferences`."""

    required: tuple[Annotated[str, Meta(min_length=1, max_length=100)], ...]
    """Every one of these categories is true."""
    when_missing: Literal["accept", "drop"] = "drop"
    """What happens to an event that says nothing about consent at all."""


class SourceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may set of a source; docs/sources.md has a row for each."""

    allowed_origins: tuple[_Text, ...] = ()
    """Origins of web pages that may send (`https://shop.example`, `https://*.shop.example`, whose
    star stands for one label); none given: any."""
    allow_properties: tuple[_Text, ...] | None = None
    """Of `properties`, `traits`, `account_traits` and `context` nothing but these is kept."""
    deny_properties: tuple[_Text, ...] = ()
    """Left out before the log: `properties.card`, `traits.phone`, `context.page.url`, `thought`."""
    hash_fields: tuple[_Text, ...] = ()
    """Replaced by a keyed hash before the log: `email`, `user_id`, `traits.phone`."""
    ip: Literal["keep", "truncate", "drop"] = "truncate"
    consent: ConsentRule | None = None
    events_per_second: Annotated[float, Meta(gt=0)] | None = None
    burst: Annotated[int, Meta(gt=0)] | None = None
    """Events that may come at once; none given: ten seconds' worth."""
    events_per_day: Annotated[int, Meta(gt=0)] | None = None
    """Quota of a UTC day."""
    hubspot_signatures: tuple[Literal["v1", "v2", "v3"], ...] = ("v3",)
    salesforce_organizations: tuple[Annotated[str, Meta(min_length=15, max_length=18)], ...] = ()
    account_id_property: _Text | None = None
    """Name of the CRM's own property (of Stripe: the metadata) that holds our `account_id`."""
    mapping: dict[str, Any] | None = None
    """How foreign JSON becomes touchpoints, see docs/mapping.md."""

    def __post_init__(self) -> None:
        """Refuse a rule that would protect nothing because it is mistyped.

        Raises ValueError (msgspec.ValidationError where it is read from JSON).
        """
        for name, written, form in (
            ("allow_properties", self.allow_properties or (), paths.to_keep),
            ("deny_properties", self.deny_properties, paths.to_leave_out),
            ("hash_fields", self.hash_fields, paths.to_hash),
            ("allowed_origins", self.allowed_origins, lambda origin: Origins([origin])),
        ):
            for index, text in enumerate(written):
                try:
                    form(text)
                except ValueError as exc:
                    message = f"{name}, number {index + 1}: {exc}"
                    raise ValueError(message) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source as it is stored. Instants are aware UTC."""

    workspace_id: WorkspaceId
    source_id: str
    """Random, so that the address of a webhook cannot be guessed; unique among all workspaces."""
    name: str
    """What people call it; unique in its workspace."""
    kind: SourceKind
    settings: SourceSettings
    created_at: datetime
    paused_at: datetime | None = None
    secrets: tuple[bytes, ...] = field(default=(), repr=False)
    """Those in use: more than one while a secret is being changed. Empty where the reader may not
    see them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceRules:
    """What ingest must know of a workspace beyond its sources."""

    hash_key: bytes = field(repr=False)
    """Key of the keyed hash for personal data; never leaves the database and ingest."""
    server_only: frozenset[str] = frozenset()
    """Events that a browser may not send, by the published maps."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Events of a source on a UTC day, by all processes, as far as they have told."""

    day: date
    accepted: int


ERASED = "erased"
"""Reason of a suppression that an erasure left behind; no person may give it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressed:
    """One change of the list of people whose events are dropped."""

    change: int
    workspace_id: WorkspaceId
    digest: bytes
    """See `shared.sources.hashing.person_digest`."""
    is_lifted: bool


def settings_from(fields: Mapping[str, Any]) -> SourceSettings:
    """Check what an operator wrote. Raises msgspec.ValidationError with the path of what is wrong."""
    return msgspec.convert(fields, SourceSettings)


def settings_json(settings: SourceSettings) -> dict[str, Any]:
    """The settings as they are stored and shown, defaults included."""
    # Through JSON: lists, as a reader of the stored form gets them, and no tuples.
    written: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(settings))
    return written


def webhook_path(source: Source) -> str | None:
    """Where the provider posts to, below the address of ingest; None where senders show a key."""
    if source.kind in KINDS_WITH_KEYS:
        return None
    return f"/v1/webhooks/{source.kind}/{source.source_id}"
