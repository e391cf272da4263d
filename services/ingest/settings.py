"""Settings of ingest; docs/configuration.md has a row for each."""

from pydantic import Field

from services.ingest.limits import Limits
from shared.settings import CommonSettings


class IngestSettings(CommonSettings):
    """Settings of ingest alone, beside the common ones."""

    max_event_bytes: int = Field(
        default=32_768, ge=1024, le=900_000, description="Largest event, as compact JSON."
    )
    max_body_bytes: int = Field(
        default=500_000,
        ge=1024,
        le=20_000_000,
        description="Largest body of a request, after decompression.",
    )
    max_body_parts: int = Field(
        default=200_000,
        ge=1_000,
        le=10_000_000,
        description="Most commas and opening brackets in one body: a measure of its values and keys.",
    )
    max_events: int = Field(
        default=2_500, ge=1, le=10_000, description="Most events in one request."
    )
    body_timeout_seconds: float = Field(
        default=10.0, gt=0, le=120, description="Longest time that a body may take to arrive."
    )
    max_held_bytes: int = Field(
        default=64_000_000,
        ge=1_000_000,
        le=4_000_000_000,
        description="Bytes of all bodies held at once; beyond it ingest answers 503.",
    )
    key_refresh_seconds: float = Field(
        default=5.0,
        ge=0.1,
        le=300,
        description="Time between two reads of API keys and sources: how long a revoked key still works.",
    )
    events_per_second: float | None = Field(
        default=None,
        gt=0,
        description="Events a second that a key may send to this process in the long run, ten"
        " seconds' worth at once, unless its source says otherwise; empty: any number.",
    )
    web_events_per_second: float = Field(
        default=100.0,
        ge=0,
        description="As `STAGELINE_EVENTS_PER_SECOND`, where that is empty, of a source of kind web, whose"
        " key anyone can read; 0: any number.",
    )
    web_events_per_day: int = Field(
        default=1_000_000,
        ge=0,
        description="Events of a UTC day that a source of kind web may send, unless it has an"
        " `events_per_day` of its own; 0: any number.",
    )
    max_capture_bytes: int = Field(
        default=6_000_000,
        ge=1024,
        le=20_000_000,
        description="Largest body of webhooks, and of the calls of PostHog's, Segment's and"
        " RudderStack's SDKs, after decompression: some fill 5 MiB.",
    )
    public_base_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s?#]*[^\s?#/])?$",
        description="Address by which senders reach ingest, like https://events.example.com; empty:"
        " what their request says.",
    )
    unready_seconds: float = Field(
        default=0.5,
        ge=0,
        le=30,
        description="Time between /readyz turning 503 at a stop and the port closing.",
    )

    def limits(self) -> Limits:
        """The bounds of one request."""
        return Limits(
            max_event_bytes=self.max_event_bytes,
            max_body_bytes=self.max_body_bytes,
            max_capture_bytes=self.max_capture_bytes,
            max_body_parts=self.max_body_parts,
            max_events=self.max_events,
            events_per_second=self.events_per_second,
            web_events_per_second=self.web_events_per_second or None,
            web_events_per_day=self.web_events_per_day or None,
            body_timeout_seconds=self.body_timeout_seconds,
            max_held_bytes=self.max_held_bytes,
        )
