"""PostHog events as candidates."""

from datetime import UTC, datetime
from typing import Any

from services.ingest.events.candidate import ForeignCandidate
from services.ingest.protocols.posthog.event import RequestFields, to_candidate

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
UUID = "01a20393-ea82-77a0-a8aa-3550a7d5018a"


def touchpoint(
    event: str = "A", *, around: RequestFields | None = None, properties: Any = None, **sent: Any
) -> ForeignCandidate:
    candidate = to_candidate(
        {"event": event, "properties": properties, **sent}, around or RequestFields(received_at=NOW)
    )
    assert isinstance(candidate, ForeignCandidate), candidate
    return candidate
