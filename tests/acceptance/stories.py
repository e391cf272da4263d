"""Small ways of telling what happens to whom, shared by the scenarios."""

from datetime import datetime
from typing import Any

from tests.support.services import Stack


def event(name: str, at: datetime, message_id: str, **more: Any) -> dict[str, Any]:
    """One touchpoint as a client writes it."""
    return {"event": name, "occurred_at": at.isoformat(), "message_id": message_id, **more}


async def live(stack: Stack, events: list[dict[str, Any]]) -> None:
    """Let events come in one by one, each at its own time by the clock."""
    for each in events:
        stack.clock.set(datetime.fromisoformat(each["occurred_at"]))
        await stack.settled()
        await stack.post([each])


def path(history: list[dict[str, Any]]) -> list[tuple[str | None, str | None]]:
    """(from, to) of each transition; an outcome stands where there is no next stage."""
    return [(item["from_stage"], item["to_stage"] or item["outcome"]) for item in history]
