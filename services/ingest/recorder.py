"""Writes the live view of sources: their newest events with verdicts, and their usage.

Keys without a source count as one sender of their workspace, `NO_SOURCE`.

Rules:
- no request waits for it: recording appends to a list, a task of its own writes;
- best effort: events beyond a bound, or that cannot be written, are dropped and counted;
- bounded: so many events a source and interval, refusals first, so many altogether;
- usage is complete as long as the process lives: what could not be written is added to the next write.
"""

import asyncio
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime

import structlog

from services.ingest.events.candidate import Candidate
from services.ingest.events.joins import REPLACED_TIME, remark
from services.ingest.events.verdicts import Refused
from shared.contracts.envelope import MAX_EVENT_CHARS, MAX_MESSAGE_ID_CHARS, Envelope
from shared.errors import TransientError
from shared.ids import WorkspaceId
from shared.keys.principal import Principal
from shared.process.waiting import pause
from shared.sources.event import NO_SOURCE, Outcome, SourceEvent, SourceEventWriter, SourceUsage
from shared.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_INTERVAL_SECONDS = 0.5
_WRITE_SECONDS = 5.0
LAST_WRITE_SECONDS = 1.0
"""Longest last write, at a stop."""
_MOST_ACCEPTED = 10
"""Accepted events of a source in an interval: 20 a second, more than a person reads."""
_MOST_OTHERS = 40
"""Refused and dropped events of a source in an interval."""
_MOST_HELD = 2_000
"""Events of all sources: some 2 MB."""

IGNORED_IDS = "ignored_ids"
"""Code of an accepted event without some of its ids, which named nobody."""
_MOST_SHOWN = 60
"""Characters of such an id that the live view shows."""

_Key = tuple[WorkspaceId, str, date]
"""A source's UTC day."""


class _Tally:
    """Counts of a source in one interval."""

    __slots__ = ("accepted", "dropped", "recorded_accepted", "recorded_others", "refused")

    def __init__(self) -> None:
        self.accepted = self.refused = self.dropped = 0
        self.recorded_accepted = self.recorded_others = 0

    def room_for_accepted(self) -> int:
        return _MOST_ACCEPTED - self.recorded_accepted

    def room_for_others(self) -> int:
        return _MOST_OTHERS - self.recorded_others


class _Shared:
    """Makes the rows of one request's events, which share sender, time and route."""

    __slots__ = ("_received_at", "_route", "_source_id", "_workspace_id")

    def __init__(
        self, workspace_id: WorkspaceId, source_id: str, received_at: datetime, route: str
    ) -> None:
        self._workspace_id = workspace_id
        self._source_id = source_id
        self._received_at = received_at
        self._route = route

    def accepted(self, envelope: Envelope, *, has_replaced_time: bool) -> SourceEvent:
        code, detail = _remark(envelope)
        if has_replaced_time and code is None:
            code, detail = REPLACED_TIME.code, REPLACED_TIME.detail
        return self._event(
            Outcome.ACCEPTED,
            code=code,
            detail=detail,
            message_id=envelope.message_id,
            event=envelope.event,
            # An erasure must not bring back the name that it removes.
            person=None if envelope.type == "erase" else envelope.person(),
            account_id=envelope.account_id or envelope.account_external_id,
            import_id=envelope.import_id,
        )

    def refused(self, item: Candidate | Refused, refusal: Refused) -> SourceEvent:
        message_id, event = _labels(item)
        return self._event(
            Outcome.REFUSED,
            code=refusal.code,
            detail=refusal.detail,
            message_id=message_id,
            event=event,
        )

    def dropped(self, item: Candidate | Refused, reason: str) -> SourceEvent:
        message_id, event = _labels(item)
        return self._event(Outcome.DROPPED, code=reason, message_id=message_id, event=event)

    def rejected(self, code: str, detail: str) -> SourceEvent:
        return self._event(Outcome.REFUSED, code=code, detail=detail)

    def _event(self, outcome: Outcome, **fields: str | None) -> SourceEvent:
        return SourceEvent(
            workspace_id=self._workspace_id,
            source_id=self._source_id,
            received_at=self._received_at,
            route=self._route,
            outcome=outcome,
            **fields,
        )


def _remark(envelope: Envelope) -> tuple[str | None, str | None]:
    """Code and sentence about an accepted event that lost ids, or that says less than it seems to."""
    said = remark(envelope) if envelope.withheld or envelope.type == "alias" else None
    ignored = _ignored(envelope.ignored_ids) if envelope.ignored_ids else None
    if said is None:
        return (IGNORED_IDS, ignored) if ignored else (None, None)
    return said.code, f"{said.detail}; {ignored}" if ignored else said.detail


def _ignored(ids: Mapping[str, str]) -> str:
    """A sentence about ids that were taken off an event."""
    parts = ", ".join(f"{name} `{_shown(text, _MOST_SHOWN)}`" for name, text in ids.items())
    return f"{parts} left out: names nobody"


def _labels(item: Candidate | Refused) -> tuple[str | None, str | None]:
    """Message id and event of an item that was not stored: its sender finds it by them; no personal data."""
    if isinstance(item, Refused):
        return None, None
    return _shown(item.message_id, MAX_MESSAGE_ID_CHARS), _shown(item.event, MAX_EVENT_CHARS)


def _shown(text: str | None, limit: int) -> str | None:
    """`text` in a form that Postgres can store."""
    if text is None:
        return None
    return text[:limit].replace("\0", "").encode("utf-8", "replace").decode("utf-8") or None


class Recorder:
    """Collects events and usage, and writes them twice a second; see the module."""

    def __init__(self, write: SourceEventWriter, metrics: Metrics) -> None:
        self._write = write
        self._lost = metrics.ingest_source_events_lost
        self._events: list[SourceEvent] = []
        self._tallies: dict[_Key, _Tally] = {}
        self._owed: dict[_Key, SourceUsage] = {}
        for reason in ("full", "database"):
            self._lost.labels(reason)

    def stored(
        self,
        items: Sequence[Candidate | Refused],
        *,
        accepted: Sequence[Envelope],
        refused: Sequence[tuple[int, Refused]] = (),
        dropped: Sequence[tuple[int, str]] = (),
        replaced_times: AbstractSet[str] = frozenset(),
        principal: Principal,
        received_at: datetime,
        route: str,
    ) -> None:
        """Record the verdicts on one request's `items`; `refused` and `dropped` hold positions in it.

        `replaced_times`: message ids of the accepted events whose time could not be right.
        Cost: by recorded events, so a batch of a thousand costs no more than one of ten.
        """
        source_id = principal.source_id or NO_SOURCE
        tally = self._tally(principal, source_id, received_at)
        tally.accepted += len(accepted)
        tally.refused += len(refused)
        tally.dropped += len(dropped)
        # At high rates there is no room left.
        if tally.recorded_accepted >= _MOST_ACCEPTED and not refused and not dropped:
            return
        shared = _Shared(principal.workspace_id, source_id, received_at, route)
        for index, refusal in refused[: tally.room_for_others()]:
            tally.recorded_others += 1
            self._keep(shared.refused(items[index], refusal))
        for index, reason in dropped[: tally.room_for_others()]:
            tally.recorded_others += 1
            self._keep(shared.dropped(items[index], reason))
        for envelope in accepted[: tally.room_for_accepted()]:
            tally.recorded_accepted += 1
            is_replaced = envelope.message_id in replaced_times
            self._keep(shared.accepted(envelope, has_replaced_time=is_replaced))

    def rejected(
        self, principal: Principal, *, code: str, detail: str, received_at: datetime, route: str
    ) -> None:
        """Record a rejected request of a known sender."""
        source_id = principal.source_id or NO_SOURCE
        tally = self._tally(principal, source_id, received_at)
        if tally.room_for_others():
            tally.recorded_others += 1
            shared = _Shared(principal.workspace_id, source_id, received_at, route)
            self._keep(shared.rejected(code, detail))

    async def run(self, stop: asyncio.Event) -> None:
        """Write twice a second until `stop`, and once more then: one task of the service."""
        while not stop.is_set():
            await pause(stop, _INTERVAL_SECONDS)
            await self.flush()

    async def flush(self, within_seconds: float = _WRITE_SECONDS) -> None:
        """Write everything recorded. Never raises; gives up after `within_seconds`."""
        events, self._events = self._events, []
        self._owe()
        if not events and not self._owed:
            return
        usages = [self._owed[key] for key in sorted(self._owed)]
        try:
            async with asyncio.timeout(within_seconds):
                await self._write(events, usages)
        except (TransientError, TimeoutError) as exc:
            # `_owed` keeps the usage for the next write.
            self._lost.labels("database").inc(len(events))
            log.warning("source_events_lost", events=len(events), error=type(exc).__name__)
        else:
            self._owed = {}

    def _tally(self, principal: Principal, source_id: str, received_at: datetime) -> _Tally:
        key = (principal.workspace_id, source_id, received_at.date())
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = _Tally()
        return tally

    def _keep(self, event: SourceEvent) -> None:
        if len(self._events) < _MOST_HELD:
            self._events.append(event)
        else:
            self._lost.labels("full").inc()

    def _owe(self) -> None:
        tallies, self._tallies = self._tallies, {}
        for key, tally in tallies.items():
            if not (tally.accepted or tally.refused or tally.dropped):
                continue
            earlier = self._owed.get(key)
            workspace_id, source_id, day = key
            self._owed[key] = SourceUsage(
                workspace_id=workspace_id,
                source_id=source_id,
                day=day,
                accepted=tally.accepted + (earlier.accepted if earlier else 0),
                refused=tally.refused + (earlier.refused if earlier else 0),
                dropped=tally.dropped + (earlier.dropped if earlier else 0),
            )
