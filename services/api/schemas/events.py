"""The names of events: which came, and which the maps know."""

from pydantic import Field

from services.api.schemas.base import Example, ResponseModel
from services.api.schemas.fields import Instant


class EventName(ResponseModel):
    """One name of events."""

    event: str
    accepted: int = Field(description="Accepted events of this name; duplicates count as well.")
    first_seen_at: Instant | None = Field(description="Null if no such event has come.")
    last_seen_at: Instant | None
    journeys: list[str] = Field(
        description="Keys of the journeys in force whose maps name it or wait for it."
    )
    meant: str | None = Field(
        description="Of a name that no map knows: the known one of which it is likely a misspelling."
    )


class EventNames(ResponseModel):
    """Names that came, the most frequent first; then those that maps know and that never came."""

    items: list[EventName]
    next_cursor: None = None


EVENT_NAMES_EXAMPLE: Example = {
    "items": [
        {
            "event": "Demo Requestd",
            "accepted": 14,
            "first_seen_at": "2026-03-02T09:31:00Z",
            "last_seen_at": "2026-03-04T16:12:00Z",
            "journeys": [],
            "meant": "Demo Requested",
        },
        {
            "event": "Demo Requested",
            "accepted": 0,
            "first_seen_at": None,
            "last_seen_at": None,
            "journeys": ["b2b-jtbd-7"],
            "meant": None,
        },
    ],
    "next_cursor": None,
}
