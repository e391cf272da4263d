"""Bounds of one request."""

from dataclasses import dataclass

MAX_DEPTH = 64
"""Deepest nesting of an event, the event itself included."""

MAX_UNMAPPED_BYTES = 800_000
"""Largest unmapped item of a webhook, stored whole; below the largest record of the event log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one request; sizes count after decompression."""

    max_event_bytes: int = 32_768
    """One event, as the compact JSON that is written to the log."""
    max_body_bytes: int = 500_000
    max_capture_bytes: int = 6_000_000
    """As `max_body_bytes`, for webhooks and the calls of foreign SDKs, which do not divide a batch that was
    too large."""
    max_body_parts: int = 200_000
    """Values and keys of a body: its commas and opening brackets are counted before it is decoded. Decoding
    costs by parts rather than by bytes, and an honest body has one in 30 bytes."""
    max_events: int = 2_500
    """Limit of Segment's own API; a body of ordinary events has far fewer."""
    body_timeout_seconds: float = 10.0
    events_per_second: float | None = None
    """Of a key whose source has no limit of its own; None: any number."""
    web_events_per_second: float | None = 100.0
    """As `events_per_second`, where that is None, for sources of browsers: their keys are public."""
    web_events_per_day: int | None = 1_000_000
    """Quota of a source of browsers without one of its own; None: any number."""
    max_held_bytes: int = 64_000_000
    """Bytes of all bodies held at once; requests beyond it get a 503."""

    @property
    def max_held_keyless_bytes(self) -> int:
        """The share of bodies whose sender is not authenticated yet: a quarter, or two of the largest."""
        return min(self.max_held_bytes, max(self.max_held_bytes // 4, 2 * self.max_capture_bytes))
