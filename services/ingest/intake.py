"""The way of a request into the event log, step by step.

1. authenticate   the key names the principal                            `Ingest.authenticate`
2. rate           pause, origins, quota and rate of its source           `gatekeeper.Gatekeeper.admit`
3. parse          the body becomes candidates and refusals               `protocols/<protocol>/parse.py`
4. validate       a candidate becomes an envelope, or is refused         `validation.validate`
5. privacy        an envelope is refused, dropped or redacted            `privacy.rules.EventRules.apply`
6. append         the log acknowledges; only then the response is a 2xx  `Ingest.store`

A protocol whose key may be inside the body takes steps 1 and 2 with the first valid key in the text of the
body, which is not decoded before, and again where parsing finds another key in the key's place. Nothing is
stored before all six.
Step 2 looks the rules of the sender up, once; steps 4 and 5 use what it has returned.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from services.ingest.accounting import Accounting
from services.ingest.decisions import Decisions, decide, merged
from services.ingest.event_counts import EventCounts
from services.ingest.events.candidate import Candidate
from services.ingest.events.verdicts import Refused
from services.ingest.gatekeeper.gatekeeper import Gatekeeper
from services.ingest.gatekeeper.rules import Sender
from services.ingest.http.body import Budget
from services.ingest.http.rejections import (
    erasure_unavailable,
    key_rejected,
    log_unavailable,
    rules_unknown,
)
from services.ingest.limits import Limits
from services.ingest.recorder import Recorder
from shared.clock import Clock
from shared.contracts.envelope import Envelope, encode
from shared.errors import LogUnavailable, TransientError
from shared.eventlog.port import LogWriter, NewRecord
from shared.http.auth import MissingScope, NotAuthenticated, authorize
from shared.ids import WorkspaceId
from shared.keys.cache import KeyCache
from shared.keys.principal import Principal, Scope
from shared.sources.erasure import ErasureRequestWriter, erasure_request
from shared.sources.registry import SourceRegistry
from shared.sources.retraction import StoredTouchpoints
from shared.telemetry.metrics import Metrics

_PART_EVENTS = 100
"""Events that are decided without a pause: about a millisecond of ordinary ones."""


class Ingest:
    """The steps, and the parts of the service that they work with; one per process."""

    def __init__(
        self,
        *,
        writer: LogWriter,
        keys: KeyCache,
        sources: SourceRegistry,
        clock: Clock,
        metrics: Metrics,
        write_erasures: ErasureRequestWriter,
        touchpoints: StoredTouchpoints,
        limits: Limits | None = None,
        public_base_url: str = "",
        recorder: Recorder | None = None,
        event_counts: EventCounts | None = None,
    ) -> None:
        """Without a `recorder` sources have no live view; without `event_counts` no name is counted."""
        self.writer = writer
        self.keys = keys
        self.sources = sources
        self.clock = clock
        self.metrics = metrics
        self.limits = limits or Limits()
        self.public_base_url = public_base_url
        """Address of this service for senders; empty: taken from their requests."""
        self.gatekeeper = Gatekeeper(sources, clock, self.limits)
        self.budget = Budget(self.limits.max_held_bytes)
        self.keyless_budget = Budget(self.limits.max_held_keyless_bytes, whole=self.budget)
        """For bodies of senders that are not authenticated yet: others are served meanwhile."""
        self.accounting = Accounting(metrics, recorder, event_counts)
        self.touchpoints = touchpoints
        """For retractions alone: events are accepted without a look at what is stored."""
        self._long_batch = asyncio.Lock()
        self._write_erasures = write_erasures

    async def authenticate(
        self, token: str | None, route: str, *, scope: Scope = Scope.EVENTS_WRITE
    ) -> Principal:
        """Step 1: the principal of a key that holds `scope`. Raises RequestRejected."""
        try:
            return await authorize(self.keys, token, scope)
        except NotAuthenticated as exc:
            self.accounting.unauthenticated(exc.failure, route)
            raise key_rejected(exc) from None
        except MissingScope as exc:
            self.accounting.unauthenticated("missing_scope", route)
            raise key_rejected(exc) from None

    async def decide(
        self, items: Sequence[Candidate | Refused], *, sender: Sender, received_at: datetime
    ) -> Decisions:
        """Steps 4 and 5: verdicts on the items. Stores and reports nothing.

        Of a long batch other requests are served between its parts, and one long batch is worked off
        after the other: a part of each at a time would add up to the same wait.
        """
        limits = self.limits
        if len(items) <= _PART_EVENTS:
            return decide(items, sender=sender, received_at=received_at, limits=limits)
        parts: list[Decisions] = []
        async with self._long_batch:
            for first in range(0, len(items), _PART_EVENTS):
                part = items[first : first + _PART_EVENTS]
                parts.append(
                    decide(part, sender=sender, received_at=received_at, limits=limits, first=first)
                )
                await asyncio.sleep(0)
        return merged(parts)

    async def store(
        self,
        items: Sequence[Candidate | Refused],
        *,
        sender: Sender,
        received_at: datetime,
        route: str,
    ) -> Decisions:
        """Steps 4 to 6; returns once the log has acknowledged all accepted events.

        Raises RequestRejected when it does not: the response must not be a 2xx then.
        """
        decisions = await self.decide(items, sender=sender, received_at=received_at)
        await self._append(items, decisions, sender=sender, received_at=received_at, route=route)
        return decisions

    async def append(
        self, envelopes: Sequence[Envelope], *, sender: Sender, received_at: datetime, route: str
    ) -> None:
        """Step 6 for events that an operator's call has made; they name no person. Raises RequestRejected."""
        decisions = Decisions(
            records=[NewRecord(key=e.partition_key(), value=encode(e)) for e in envelopes],
            envelopes=envelopes,
            refused=(),
            dropped=(),
            corrections={},
        )
        await self._append((), decisions, sender=sender, received_at=received_at, route=route)

    async def _append(
        self,
        items: Sequence[Candidate | Refused],
        decisions: Decisions,
        *,
        sender: Sender,
        received_at: datetime,
        route: str,
    ) -> None:
        records = decisions.records
        if records:
            await self._record_erasures(decisions.envelopes)
            try:
                await self.writer.append(records)
            except LogUnavailable as exc:
                self.accounting.log_unavailable()
                raise log_unavailable() from exc
        self.gatekeeper.charge(sender, sent=len(items), accepted=len(records))
        self.accounting.stored(
            items, decisions, sender=sender, received_at=received_at, route=route
        )

    async def _record_erasures(self, envelopes: Sequence[Envelope]) -> None:
        """Record the requests to erase a person among events that are about to be appended.

        Before, not after: a process that is killed between the two leaves a record of a request that
        may be lost, never a request that the api does not know of.
        """
        erasures = [each for each in envelopes if each.type == "erase"]
        if not erasures:
            return
        rules = self.sources.rules(WorkspaceId(erasures[0].workspace_id))
        if rules is None:
            raise rules_unknown()
        try:
            await self._write_erasures(
                [erasure_request(each, hash_key=rules.hash_key) for each in erasures]
            )
        except TransientError as exc:
            raise erasure_unavailable() from exc
