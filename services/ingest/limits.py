"""How much one request may cost."""

from dataclasses import dataclass

MAX_DEPTH = 64
"""Deepest nesting of an event, the event itself included; more is no event that anybody meant."""

MAX_UNMAPPED_BYTES = 800_000
"""A webhook's item that waits for a mapping, whole; with some room, a record of the event log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one request; sizes count after decompression."""

    max_event_bytes: int = 32_768
    """One event, as the compact JSON that is written to the log."""
    max_body_bytes: int = 500_000
    max_capture_bytes: int = 6_000_000
    """As `max_body_bytes`, of webhooks and the calls of foreign SDKs, which do not divide a batch that
    was too large."""
    max_events: int = 2_500
    """As Segment's own API takes; a body of ordinary events has far fewer."""
    body_timeout_seconds: float = 10.0
    events_per_second: float | None = None
    """Of a key whose source does not say how many; None: any number."""
    max_held_bytes: int = 64_000_000
    """Bytes of all bodies held at once; beyond it requests are told to come again."""
