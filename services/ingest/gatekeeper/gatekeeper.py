"""Who may come in now, and by which rules: decided before a body is read, from memory.

Nothing may pass by rules that are not known: a source that was removed, or whose settings come from a
newer version, turns its senders away until somebody has seen to it, and they keep what they have.
"""

from collections.abc import Callable
from time import monotonic

from services.ingest.gatekeeper.rates import OverLimit, RateLimit, RateLimiter, rate
from services.ingest.gatekeeper.rules import SourceRules, door
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

Told = Callable[[], list[tuple[bytes, bytes]]]
"""Headers of an answer, as they are when it is made: by then its events are counted."""


class Gatekeeper:
    """Doors by source, buckets and quotas by sender; one per process."""

    def __init__(self, sources: SourceRegistry, clock: Clock, limits: Limits) -> None:
        self._sources = sources
        self._clock = clock
        self._default_rate = rate(limits.events_per_second, None)
        self._rates = RateLimiter()
        self._counts = DailyCounts()
        self._doors: dict[tuple[WorkspaceId, str | None, KeyKind], SourceRules] = {}
        self._generation = -1

    async def admit(self, principal: Principal, *, method: str, origin: str | None) -> Told | None:
        """Headers for whatever answer a request gets that may come in. Raises RequestRejected.

        Waits for one read of the database where the sender's source is not known here.
        """
        source = await self.known(principal)
        if source is None and self._default_rate is None:
            return None
        entry = self.door(principal)
        if source is not None:
            if source.paused_at is not None:
                raise source_paused()
            if entry.origins and not _comes_from(entry, source.kind, method, origin):
                raise origin_not_allowed()
            self._within_quota(source)
        limit = entry.rate or self._default_rate
        return None if limit is None else self._within_rate(principal, limit)

    async def known(self, principal: Principal) -> Source | None:
        """The sender's source, if it has one; from now on `door` knows its rules. Raises RequestRejected.

        Waits for one read of the database where they are not known here.
        """
        if principal.source_id is not None:
            return self._source(principal) or await self._found(principal)
        if self._sources.rules(principal.workspace_id) is None:
            await self._sources.refresh()
        return None

    def door(self, principal: Principal) -> SourceRules:
        """The rules that events of this sender pass. Never waits.

        Raises RequestRejected where they are not known, or not any more.
        """
        if self._generation != self._sources.generation:
            self._doors.clear()
            self._generation = self._sources.generation
        key = (principal.workspace_id, principal.source_id, principal.kind)
        found = self._doors.get(key)
        if found is None:
            source = self._source(principal)
            rules = self._sources.rules(principal.workspace_id)
            if rules is None or (source is None and principal.source_id is not None):
                raise rules_unknown()
            found = self._doors[key] = door(
                principal.kind, source, rules, self._sources.suppressed(principal.workspace_id)
            )
        return found

    def charge(self, principal: Principal, *, sent: int, accepted: int) -> None:
        """Count what a request that was let in has sent, and what of it is stored."""
        if principal.source_id is None and self._default_rate is None:
            return
        self._rates.pay(_sender(principal), sent)
        source = self._source(principal)
        if source is not None and source.settings.events_per_day is not None:
            self._counts.add(source.source_id, self._clock.now().date(), accepted)

    def _source(self, principal: Principal) -> Source | None:
        """The sender's source, if it is one of the sender's own workspace."""
        if principal.source_id is None:
            return None
        known = self._sources.cached(principal.source_id)
        return known if known is not None and known.workspace_id == principal.workspace_id else None

    async def _found(self, principal: Principal) -> Source:
        try:
            await self._sources.find(principal.source_id or "")
        except TransientError:
            raise rules_unknown() from None
        source = self._source(principal)
        if source is None:
            raise rules_unknown()
        return source

    def _within_quota(self, source: Source) -> None:
        quota = source.settings.events_per_day
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

    def _within_rate(self, principal: Principal, limit: RateLimit) -> Told:
        entered = self._rates.enter(_sender(principal), limit, monotonic())
        if isinstance(entered, OverLimit):
            raise rate_limited(limit.policy(), entered.wait_seconds, self._clock.now())
        return lambda: [
            (b"ratelimit-policy", limit.policy().encode()),
            (b"ratelimit", entered.told().encode()),
        ]


def _sender(principal: Principal) -> str:
    """Whose bucket: the source's, where the limit stands; all keys of a source share it."""
    return principal.source_id or principal.key_id


def _comes_from(entry: SourceRules, kind: SourceKind, method: str, origin: str | None) -> bool:
    """Whether the page that a request comes from may send.

    Browsers name it in every request but plain pictures; servers never do, and are not bound.
    """
    if origin is None:
        return kind is not SourceKind.WEB or method == "GET"
    return entry.origins.admit(origin)
