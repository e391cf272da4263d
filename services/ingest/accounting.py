"""Metrics, log lines and the live view of a source: everything that ingest reports about its decisions."""

import collections
from collections.abc import Sequence
from datetime import datetime
from time import monotonic

import structlog
from prometheus_client import Counter

from services.ingest.decisions import Decisions
from services.ingest.event_counts import EventCounts
from services.ingest.events.candidate import Candidate
from services.ingest.events.joins import RemarkCode
from services.ingest.events.verdicts import DropReason, RefusalCode, Refused
from services.ingest.gatekeeper.rules import Sender
from services.ingest.http.rejections import GATE_CODES, RequestRejected
from services.ingest.recorder import Recorder
from services.ingest.validation import ClockCorrection
from shared.keys.cache import AuthFailure
from shared.keys.principal import Principal
from shared.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_LOG_EVERY_SECONDS = 10.0


class Accounting:
    """Reports; none of its methods waits or raises."""

    def __init__(
        self, metrics: Metrics, recorder: Recorder | None, event_counts: EventCounts | None
    ) -> None:
        self._metrics = metrics
        self.recorder = recorder
        """Writes the live view; None: sources have none."""
        self.event_counts = event_counts
        """Writes the names of accepted events; None: they are not counted."""
        self._logged_at: dict[str, float] = {}
        # Looking up a child by its labels costs more than counting.
        self._accepted_by_route: dict[str, Counter] = {}
        self._corrected: dict[ClockCorrection, Counter] = {
            correction: metrics.ingest_clock_corrected.labels(correction)
            for correction in ClockCorrection
            if correction is not ClockCorrection.NONE
        }
        # Exported as 0 from the start: the first refusal would otherwise not show as an increase.
        for code in RefusalCode:
            metrics.ingest_refused.labels(code)
        for remark_code in RemarkCode:
            metrics.ingest_remarks.labels(remark_code)
        for gate_code in GATE_CODES:
            metrics.ingest_turned_away.labels(gate_code)
        for reason in DropReason:
            metrics.ingest_dropped.labels(reason)
        for failure in AuthFailure:
            metrics.ingest_auth_failures.labels(failure)
        metrics.ingest_auth_failures.labels("secret_key_in_address")

    def stored(
        self,
        items: Sequence[Candidate | Refused],
        decisions: Decisions,
        *,
        sender: Sender,
        received_at: datetime,
        route: str,
    ) -> None:
        """Report a request whose accepted events the log has acknowledged."""
        if decisions.records:
            self._accepted(route).inc(len(decisions.records))
        if decisions.refused:
            self._refused(decisions.refused, sender.principal, route)
        for _, drop in decisions.dropped:
            self._metrics.ingest_dropped.labels(drop.reason).inc()
        for _, ids in decisions.ignored:
            for name in ids:
                self._metrics.ingest_ignored_ids.labels(name).inc()
        for _, remark in decisions.remarks:
            self._metrics.ingest_remarks.labels(remark.code).inc()
        for correction, times in decisions.corrections.items():
            self._corrected[correction].inc(times)
        if self.event_counts is not None:
            self.event_counts.add(sender.principal.workspace_id, decisions.envelopes, received_at)
        if self.recorder is not None:
            self.recorder.stored(
                items,
                accepted=decisions.envelopes,
                refused=decisions.refused,
                dropped=[(index, drop.reason.value) for index, drop in decisions.dropped],
                replaced_times=frozenset(decisions.replaced_times),
                principal=sender.principal,
                received_at=received_at,
                route=route,
            )

    def log_unavailable(self) -> None:
        """Report an append that the event log did not acknowledge."""
        self._metrics.ingest_unavailable.inc()

    def rejected(
        self, rejection: RequestRejected, principal: Principal, *, now: datetime, route: str
    ) -> None:
        """Report a rejected request of a known sender; the live view of its source shows it, too."""
        self._metrics.ingest_turned_away.labels(rejection.code).inc()
        if rejection.code in GATE_CODES and self._may_log(f"{rejection.code} {principal.key_id}"):
            log.warning(
                "request_rejected", route=route, key_id=principal.key_id, code=rejection.code
            )
        if self.recorder is not None:
            self.recorder.rejected(
                principal,
                code=rejection.code,
                detail=rejection.operator_detail,
                received_at=now,
                route=route,
            )

    def unauthenticated(self, reason: str, route: str) -> None:
        """Report a request without valid credentials."""
        self._metrics.ingest_auth_failures.labels(reason).inc()
        if self._may_log(f"failure {reason}"):
            log.warning("authentication_failed", route=route, reason=reason)

    def _accepted(self, route: str) -> Counter:
        counter = self._accepted_by_route.get(route)
        if counter is None:
            counter = self._metrics.ingest_accepted.labels(route)
            self._accepted_by_route[route] = counter
        return counter

    def _refused(
        self, refused: Sequence[tuple[int, Refused]], principal: Principal, route: str
    ) -> None:
        codes = collections.Counter(refusal.code for _, refusal in refused)
        for code, times in codes.items():
            self._metrics.ingest_refused.labels(code).inc(times)
        if self._may_log(f"refused {principal.key_id}"):
            log.warning(
                "events_refused",
                route=route,
                key_id=principal.key_id,
                codes={code.value: times for code, times in codes.items()},
            )

    def _may_log(self, subject: str) -> bool:
        """Whether `subject` was not logged lately: one looping sender must not fill the log."""
        now = monotonic()
        if now - self._logged_at.get(subject, float("-inf")) < _LOG_EVERY_SECONDS:
            return False
        self._logged_at[subject] = now
        return True
