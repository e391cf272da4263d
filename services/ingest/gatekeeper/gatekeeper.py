"""The rate step: whether a sender may send now, decided before the body is read, from memory.

No event passes under unknown rules: while a source was removed, or its settings were written by a newer
version, its senders get a 503 and keep their events.
"""

from time import monotonic

from services.ingest.gatekeeper.rates import (
    OverLimit,
    RateLimit,
    RateLimiter,
    WithinLimit,
)
from services.ingest.gatekeeper.rules import Sender, SourceRules, source_rules
from services.ingest.gatekeeper.usage import DailyCounts, seconds_to_midnight
from services.ingest.http.rejections import (
    origin_not_allowed,
    quota_exceeded,
    rate_limited,
    rules_unknown,
    source_paused,
)
from services.ingest.limits import Limits
from shared.clock import Clock
from shared.errors import TransientError
from shared.ids import WorkspaceId
from shared.keys.principal import Principal
from shared.keys.token import KeyKind
from shared.sources.registry import SourceRegistry
from shared.sources.source import Source, SourceKind


class Gatekeeper:
    """Rules by source, buckets and daily counts by sender; one per process."""

    def __init__(self, sources: SourceRegistry, clock: Clock, limits: Limits) -> None:
        self._sources = sources
        self._clock = clock
        self._limits = limits
        self._limiter = RateLimiter()
        self._counts = DailyCounts()
        self._rules: dict[tuple[WorkspaceId, str | None, KeyKind], SourceRules] = {}
        self._generation = -1

    async def admit(self, principal: Principal, *, method: str, origin: str | None) -> Sender:
        """Apply pause, origins, quota and rate. Raises RequestRejected.

        May wait for one read of the database, when the source is not in the cache.
        """
        rules = self._cached_rules(principal) or await self._look_up(principal)
        source = rules.source
        if source is not None:
            if source.paused_at is not None:
                raise source_paused()
            if rules.origins and not _is_allowed_origin(rules, source.kind, method, origin):
                raise origin_not_allowed()
            self._within_quota(source, rules.quota)
        if rules.rate is None:
            return Sender(principal, rules)
        return Sender(principal, rules, self._within_rate(principal, rules.rate))

    async def identify(self, principal: Principal) -> Sender:
        """The sender without pause and limits, as erasures and replays need it. Raises RequestRejected."""
        return Sender(principal, self._cached_rules(principal) or await self._look_up(principal))

    def charge(self, sender: Sender, *, sent: int, accepted: int) -> None:
        """Count the events of an admitted request against rate and quota."""
        principal, source = sender.principal, sender.rules.source
        if sender.rules.rate is not None:
            self._limiter.pay(_bucket(principal), sent)
        if source is not None and sender.rules.quota is not None:
            self._counts.add(source.source_id, self._clock.now().date(), accepted)

    def _cached_rules(self, principal: Principal) -> SourceRules | None:
        """The rules as of the last read of the sources. Never waits."""
        if self._generation != self._sources.generation:
            return None
        return self._rules.get((principal.workspace_id, principal.source_id, principal.kind))

    async def _look_up(self, principal: Principal) -> SourceRules:
        """The rules by the source as it is now. Raises RequestRejected where there is none."""
        source = None
        if principal.source_id is not None:
            source = self._cached_source(principal) or await self._read_source(principal)
        elif self._sources.rules(principal.workspace_id) is None:
            await self._sources.refresh()
        workspace_rules = self._sources.rules(principal.workspace_id)
        if workspace_rules is None:
            raise rules_unknown()
        # Compared after the reads above: they may have started a new generation.
        if self._generation != self._sources.generation:
            self._rules.clear()
            self._generation = self._sources.generation
        key = (principal.workspace_id, principal.source_id, principal.kind)
        rules = self._rules[key] = source_rules(
            principal.kind,
            source,
            workspace_rules,
            self._sources.suppressed(principal.workspace_id),
            self._limits,
        )
        return rules

    def _cached_source(self, principal: Principal) -> Source | None:
        """The principal's source, if it belongs to the principal's workspace."""
        source = self._sources.cached(principal.source_id or "")
        is_own = source is not None and source.workspace_id == principal.workspace_id
        return source if is_own else None

    async def _read_source(self, principal: Principal) -> Source:
        try:
            await self._sources.find(principal.source_id or "")
        except TransientError:
            raise rules_unknown() from None
        source = self._cached_source(principal)
        if source is None:
            raise rules_unknown()
        return source

    def _within_quota(self, source: Source, quota: int | None) -> None:
        if quota is None:
            return
        now = self._clock.now()
        used = self._counts.used(
            source.source_id,
            now.date(),
            read=self._sources.usage(source.source_id),
            generation=self._sources.generation,
        )
        if used >= quota:
            raise quota_exceeded(quota, seconds_to_midnight(now), now)

    def _within_rate(self, principal: Principal, limit: RateLimit) -> WithinLimit:
        verdict = self._limiter.enter(_bucket(principal), limit, monotonic())
        if isinstance(verdict, OverLimit):
            raise rate_limited(limit.policy(), verdict.wait_seconds, self._clock.now())
        return verdict


def _bucket(principal: Principal) -> str:
    """Key of the bucket: all keys of a source share the source's."""
    return principal.source_id or principal.key_id


def _is_allowed_origin(
    rules: SourceRules, kind: SourceKind, method: str, origin: str | None
) -> bool:
    """Whether the page behind a request may send.

    Browsers name the page in every request but plain images; servers never do, and may always send.
    """
    if origin is None:
        return kind is not SourceKind.WEB or method == "GET"
    return rules.origins.admit(origin)
