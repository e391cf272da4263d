"""What ingest works with, and the steps that every kind of request shares."""

import collections
from collections.abc import Sequence
from datetime import datetime
from time import monotonic

import structlog
from prometheus_client import Counter

from services.ingest.decisions import Decisions, decide
from services.ingest.events.candidate import Candidate
from services.ingest.events.verdicts import DropReason, RefusalCode, Refused
from services.ingest.gatekeeper.gatekeeper import Gatekeeper
from services.ingest.http.body import Budget
from services.ingest.http.rejections import (
    GATE_CODES,
    RequestRejected,
    key_rejected,
    log_unavailable,
)
from services.ingest.limits import Limits
from services.ingest.recorder import Recorder
from services.ingest.validation import ClockCorrection
from shared.clock import Clock
from shared.errors import LogUnavailable
from shared.eventlog.port import LogWriter
from shared.http.auth import MissingScope, NotAuthenticated, authorize
from shared.keys.cache import AuthFailure, KeyCache
from shared.keys.principal import Principal, Scope
from shared.sources.registry import SourceRegistry
from shared.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_LOG_EVERY_SECONDS = 10.0


class Ingest:
    """The parts of the service, handed in; one per process."""

    def __init__(
        self,
        *,
        writer: LogWriter,
        keys: KeyCache,
        sources: SourceRegistry,
        clock: Clock,
        metrics: Metrics,
        limits: Limits | None = None,
        public_base_url: str = "",
        recorder: Recorder | None = None,
    ) -> None:
        """Without a `recorder` nobody can watch a source; everything else works."""
        self.writer = writer
        self.keys = keys
        self.sources = sources
        self.clock = clock
        self.metrics = metrics
        self.limits = limits or Limits()
        self.public_base_url = public_base_url
        """Address by which senders reach this service; empty where only their requests tell."""
        self.recorder = recorder
        self.gatekeeper = Gatekeeper(sources, clock, self.limits)
        self.budget = Budget(self.limits.max_held_bytes)
        self._logged_at: dict[str, float] = {}
        # Looking up a child by its labels costs more than counting.
        self._accepted_by_route: dict[str, Counter] = {}
        self._corrected: dict[ClockCorrection, Counter] = {
            correction: metrics.ingest_clock_corrected.labels(correction)
            for correction in ClockCorrection
            if correction is not ClockCorrection.NONE
        }
        # There before the first refusal, or that one would be no increase.
        for code in RefusalCode:
            metrics.ingest_refused.labels(code)
        for away in GATE_CODES:
            metrics.ingest_turned_away.labels(away)
        for reason in DropReason:
            metrics.ingest_dropped.labels(reason)
        for failure in AuthFailure:
            metrics.ingest_auth_failures.labels(failure)

    async def authenticate(
        self, token: str | None, route: str, *, scope: Scope = Scope.EVENTS_WRITE
    ) -> Principal:
        """Who sends, and holds `scope`. Raises RequestRejected, counted and logged."""
        try:
            return await authorize(self.keys, token, scope)
        except NotAuthenticated as exc:
            self.count_failure(exc.failure, route)
            raise key_rejected(exc) from None
        except MissingScope as exc:
            self.count_failure("missing_scope", route)
            raise key_rejected(exc) from None

    def judge(
        self, items: Sequence[Candidate | Refused], *, principal: Principal, received_at: datetime
    ) -> Decisions:
        """What would become of the items. Nothing is stored, counted or told."""
        return decide(
            items,
            principal=principal,
            received_at=received_at,
            limits=self.limits,
            door=self.gatekeeper.door(principal),
        )

    async def store(
        self,
        items: Sequence[Candidate | Refused],
        *,
        principal: Principal,
        received_at: datetime,
        route: str,
    ) -> Decisions:
        """Admit the items and return once the log has acknowledged all that were accepted.

        Raises RequestRejected: nothing may be answered with a 2xx then.
        """
        intake = self.judge(items, principal=principal, received_at=received_at)
        if intake.records:
            try:
                await self.writer.append(intake.records)
            except LogUnavailable as exc:
                self.metrics.ingest_unavailable.inc()
                raise log_unavailable() from exc
            self._accepted(route).inc(len(intake.records))
        self.gatekeeper.charge(principal, sent=len(items), accepted=len(intake.records))
        if intake.refused:
            self._count_refusals(intake.refused, principal, route)
        for _, drop in intake.dropped:
            self.metrics.ingest_dropped.labels(drop.reason).inc()
        if self.recorder is not None:
            self.recorder.stored(
                items,
                accepted=intake.envelopes,
                refused=intake.refused,
                dropped=[(index, drop.reason.value) for index, drop in intake.dropped],
                principal=principal,
                received_at=received_at,
                route=route,
            )
        for correction, times in intake.corrections.items():
            self._corrected[correction].inc(times)
        return intake

    def note_turned_away(self, away: RequestRejected, principal: Principal, route: str) -> None:
        """Count it, and let those who watch the sender's source see that nothing was stored."""
        self.metrics.ingest_turned_away.labels(away.code).inc()
        if away.code in GATE_CODES and self._may_log(f"{away.code} {principal.key_id}"):
            log.warning("sender_turned_away", route=route, key_id=principal.key_id, code=away.code)
        if self.recorder is not None:
            self.recorder.turned_away(
                principal,
                code=away.code,
                detail=away.noted,
                received_at=self.clock.now(),
                route=route,
            )

    def _accepted(self, route: str) -> Counter:
        counter = self._accepted_by_route.get(route)
        if counter is None:
            counter = self.metrics.ingest_accepted.labels(route)
            self._accepted_by_route[route] = counter
        return counter

    def _count_refusals(
        self, refused: Sequence[tuple[int, Refused]], principal: Principal, route: str
    ) -> None:
        codes = collections.Counter(refusal.code for _, refusal in refused)
        for code, times in codes.items():
            self.metrics.ingest_refused.labels(code).inc(times)
        if self._may_log(f"refused {principal.key_id}"):
            log.warning(
                "events_refused",
                route=route,
                key_id=principal.key_id,
                codes={code.value: times for code, times in codes.items()},
            )

    def count_failure(self, reason: str, route: str) -> None:
        """Count and log somebody who could not show who they are."""
        self.metrics.ingest_auth_failures.labels(reason).inc()
        if self._may_log(f"failure {reason}"):
            log.warning("authentication_failed", route=route, reason=reason)

    def _may_log(self, subject: str) -> bool:
        """Whether `subject` was not logged lately: a sender's loop must not become our log's."""
        now = monotonic()
        if now - self._logged_at.get(subject, float("-inf")) < _LOG_EVERY_SECONDS:
            return False
        self._logged_at[subject] = now
        return True
