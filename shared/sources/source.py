"""A source: one website, app or system that sends events, and its settings. Pure.

Settings are stored as JSON and validated by `SourceSettings` both when written and when read, so that
a mistyped name is refused instead of stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from shared.contracts.names import DEFAULT_JUNK, JunkNames
from shared.ids import WorkspaceId
from shared.sources import paths
from shared.sources.origins import Origins


class SourceKind(StrEnum):
    """Kind of sender: the holder of a key, or a provider, whose webhooks name the kind in their path."""

    WEB = "web"
    """Browsers: the key is public, so allowed origins restrict its use."""
    SERVER = "server"
    HUBSPOT = "hubspot"
    SALESFORCE = "salesforce"
    STRIPE = "stripe"
    PIPEDRIVE = "pipedrive"
    STANDARD_WEBHOOKS = "standard-webhooks"
    GENERIC = "generic"
    """Any JSON, turned into touchpoints by a mapping."""


KINDS_WITH_KEYS = frozenset({SourceKind.WEB, SourceKind.SERVER})
"""Kinds that send with an API key; all others post to `/v1/webhooks/{kind}/{source_id}`."""

_Text = Annotated[str, Meta(min_length=1, max_length=300)]


class ConsentRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Consent that an event must carry in `context.consent.categoryPreferences`."""

    required: tuple[Annotated[str, Meta(min_length=1, max_length=100)], ...]
    """Every one of these categories is true."""
    when_missing: Literal["accept", "drop"] = "drop"
    """Verdict on an event without any consent information."""


class SourceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a source; docs/sources.md has a row for each."""

    allowed_origins: tuple[_Text, ...] = ()
    """Origins of web pages that may send (`https://shop.example`, `https://*.shop.example`, whose
    star stands for one label); none given: any."""
    allow_properties: tuple[_Text, ...] | None = None
    """Paths inside `properties`, `traits`, `account_traits` and `context` that are kept; None: all."""
    deny_properties: tuple[_Text, ...] = ()
    """Removed before the log: `properties.card`, `traits.phone`, `context.page.url`, `thought`."""
    hash_fields: tuple[_Text, ...] = ()
    """Replaced by a keyed hash before the log: `email`, `user_id`, `traits.phone`."""
    ip: Literal["keep", "truncate", "drop"] = "truncate"
    consent: ConsentRule | None = None
    events_per_second: Annotated[float, Meta(gt=0)] | None = None
    burst: Annotated[int, Meta(gt=0)] | None = None
    """Events that may come at once; none given: ten seconds' worth."""
    events_per_day: Annotated[int, Meta(gt=0)] | None = None
    """Quota of a UTC day."""
    max_age_days: Annotated[float, Meta(gt=0, le=36_500)] | None = None
    """An event that happened earlier is refused; none given: any age."""
    value: Literal["keep", "drop"] = "keep"
    """The amount of money of an event; `drop` removes it before the log."""
    account_traits: Literal["keep", "drop"] = "keep"
    """The traits of an account; `drop` removes them before the log."""
    joins: Literal["keep", "drop"] = "keep"
    """Joins of two known people, and of accounts; `drop` lets an alias count for a device alone."""
    hubspot_signatures: tuple[Literal["v1", "v2", "v3"], ...] = ("v3",)
    salesforce_organizations: tuple[Annotated[str, Meta(min_length=15, max_length=18)], ...] = ()
    account_id_property: _Text | None = None
    """Property of the CRM (or key of Stripe's metadata) that holds the `account_id`."""
    equal_bodies: Literal["daily", "hourly", "once"] = "daily"
    """How often equal items of webhooks without an id and a time count: `once` is for ever."""
    mapping: dict[str, Any] | None = None
    """Rules that turn foreign JSON into touchpoints, see docs/mapping.md."""

    def __post_init__(self) -> None:
        """Refuse mistyped paths and origins, which would protect nothing.

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


DEFAULTS_OF_KIND: Mapping[SourceKind, Mapping[str, Any]] = {
    SourceKind.WEB: {"max_age_days": 7, "value": "drop", "account_traits": "drop", "joins": "drop"},
}
"""Defaults that differ by kind. A web page shows its key to everyone: money, accounts, the past and joins
are for servers. They are written into a new source, and hold for a stored one that lacks the setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source as it is stored. Instants are aware UTC."""

    workspace_id: WorkspaceId
    source_id: str
    """Random, so that the address of a webhook cannot be guessed; unique among all workspaces."""
    name: str
    """Display name; unique in its workspace."""
    kind: SourceKind
    settings: SourceSettings
    created_at: datetime
    paused_at: datetime | None = None
    secrets: tuple[bytes, ...] = field(default=(), repr=False)
    """Active secrets: more than one during a rotation. Empty for a reader without access to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceRules:
    """Rules of a workspace that hold for all of its sources."""

    hash_key: bytes = field(repr=False)
    """Key of the keyed hash for personal data; only the database, ingest and the stager read it."""
    server_only: frozenset[str] = frozenset()
    """Events that a write key may not send, by the published maps."""
    junk: JunkNames = DEFAULT_JUNK
    """Which ids name nobody."""


@dataclass(frozen=True, slots=True)
class DailyUsage:
    """Accepted events of a source on a UTC day, by all processes, as far as they have reported them."""

    day: date
    accepted: int


ERASED = "erased"
"""Reason of a suppression that an erasure has added; the api refuses it as a reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressed:
    """One change of a workspace's suppression list."""

    change: int
    workspace_id: WorkspaceId
    digest: bytes
    """See `shared.sources.hashing.person_digest`."""
    is_lifted: bool


def settings_from(fields: Mapping[str, Any]) -> SourceSettings:
    """Validate settings. Raises msgspec.ValidationError with the path of the mistake."""
    return msgspec.convert(fields, SourceSettings)


def settings_json(settings: SourceSettings) -> dict[str, Any]:
    """The settings as stored and shown, with defaults."""
    # Through JSON, so that tuples become lists as in the stored form.
    written: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(settings))
    return written


def webhook_path(source: Source) -> str | None:
    """Path that the provider posts to; None for sources with keys."""
    if source.kind in KINDS_WITH_KEYS:
        return None
    return f"/v1/webhooks/{source.kind}/{source.source_id}"
