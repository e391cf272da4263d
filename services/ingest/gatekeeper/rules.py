"""The rules of a source, and the sender of a request with the rules that apply to it. Pure."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import msgspec

from services.ingest.events.identifiers import NameForms, name_forms
from services.ingest.gatekeeper.rates import RateLimit, WithinLimit, rate_limit
from services.ingest.limits import Limits
from services.ingest.privacy.rules import EventRules, event_rules
from shared.keys.principal import Principal
from shared.keys.token import KeyKind
from shared.sources.origins import Origins
from shared.sources.source import Source, SourceKind, SourceSettings, WorkspaceRules


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRules:
    """What one source (or a key without one) may send, by one kind of key."""

    source: Source | None
    events: EventRules
    names: NameForms
    """Stored forms of names, by the workspace's list of those that name nobody."""
    origins: Origins
    """Pages that may send; empty: any."""
    rate: RateLimit | None
    quota: int | None
    """Accepted events of a UTC day; only sources have one."""


def source_rules(
    kind: KeyKind,
    source: Source | None,
    rules: WorkspaceRules,
    suppressed: AbstractSet[bytes],
    limits: Limits,
) -> SourceRules:
    """The rules for a key of this kind; see `event_rules` for `suppressed`.

    `limits` are the process's defaults; those for browsers apply to sources of kind web alone.
    """
    settings = SourceSettings() if source is None else source.settings
    is_web = source is not None and source.kind is SourceKind.WEB
    per_second = settings.events_per_second or limits.events_per_second
    quota = settings.events_per_day
    if is_web:
        per_second = per_second or limits.web_events_per_second
        quota = quota or limits.web_events_per_day
    return SourceRules(
        source=source,
        events=event_rules(kind, settings, rules, suppressed),
        names=name_forms(rules.junk),
        origins=Origins(settings.allowed_origins),
        rate=rate_limit(per_second, settings.burst),
        quota=quota,
    )


class Sender(msgspec.Struct, frozen=True, gc=False):
    """The sender of one request, with the rules for it.

    The rules are looked up once a request. A change of them, even while the body arrives, applies to the
    next request: no request is admitted by one version and judged by another.
    """

    principal: Principal
    rules: SourceRules
    within_limit: WithinLimit | None = None
    """Its rate limit, for the headers of the response; None: unlimited."""
