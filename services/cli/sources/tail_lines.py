"""Which events `stageline tail` tells, when, and in which words. Pure.

An event is told once it is known what became of it, or as pending if that takes longer than a
moment, and once more when it has settled. Nothing is told twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.text import Text

from services.cli.client.errors import printable

OVERLAP = 50
"""Ids looked at again: processes write side by side, so a lower one may turn up after a higher."""
_PATIENCE_LOOKS = 2

Event = Mapping[str, Any]


@dataclass(slots=True)
class Follower:
    """What has been told of one source."""

    floor: int | None = None
    """Events up to here are from before the beginning."""
    _highest: int = 0
    _told: set[int] = field(default_factory=set)
    _pending: dict[int, int] = field(default_factory=dict)
    """Looks at each event that has not settled."""

    def begin(self, *, after: int) -> None:
        """Tell of events above the id `after` alone."""
        self.floor = self._highest = after

    @property
    def after(self) -> int:
        """Id above which to ask next."""
        oldest = min(self._pending, default=self._highest)
        return max(0, self.floor or 0, min(self._highest - OVERLAP, oldest - 1))

    def take(self, newest_first: Sequence[Event]) -> Iterator[Event]:
        """Events to be told now, oldest first."""
        for event in reversed(newest_first):
            number = event["id"]
            if number in self._told or (self.floor is not None and number <= self.floor):
                continue
            self._highest = max(self._highest, number)
            if _is_pending(event):
                looks = self._pending.get(number, 0) + 1
                self._pending[number] = looks
                if looks == _PATIENCE_LOOKS:
                    yield event
                continue
            self._pending.pop(number, None)
            self._told.add(number)
            yield event
        # What is no longer kept will not settle before anybody's eyes.
        lowest = min((event["id"] for event in newest_first), default=0)
        self._pending = {n: looks for n, looks in self._pending.items() if n >= lowest}
        self._told = {number for number in self._told if number > self.after}


def is_error(event: Event) -> bool:
    """Whether somebody has to mend something."""
    became = event["became"]
    is_dead = became is not None and became["state"] == "dead_letter"
    return is_dead or bool(event["outcome"] == "refused")


def line(event: Event, source: str | None) -> Text:
    """One line for a terminal: when, which, who, and what became of it."""
    text = Text(event["received_at"][11:23].ljust(12, "0").rstrip("Z"), style="dim")
    if source is not None:
        text.append(f" {printable(source)}", style="cyan")
    text.append(f" {event['route']}", style="dim")
    text.append(f" {printable(event['event'] or '-')}", style="bold")
    for name in (event["person"], event["account_id"]):
        if name:
            text.append(f" {printable(name)}")
    return text.append("  ").append_text(_became(event))


def _became(event: Event) -> Text:
    if event["outcome"] != "accepted":
        style = "red" if event["outcome"] == "refused" else "yellow"
        detail = f": {event['detail']}" if event["detail"] else ""
        return Text(printable(f"{event['outcome']} {event['code']}{detail}"), style=style)
    became = event["became"]
    match became["state"]:
        case "applied":
            return Text(printable(f"applied{_moves(event)}"), style="green")
        case "dead_letter":
            detail = f": {became['detail']}" if became["detail"] else ""
            return Text(printable(f"dead letter {became['reason']}{detail}"), style="red")
        case state:
            return Text(state, style="yellow")


def _moves(event: Event) -> str:
    became = event["became"]
    subject = became["subject_id"]
    # Where it counts, unless that is what was said already.
    told = (
        f" to {subject}"
        if subject and subject not in (event["account_id"], event["person"])
        else ""
    )
    for move in became["transitions"]:
        start = f"{move['from_stage']} -> " if move["from_stage"] else ""
        told += f", {move['journey']}: {start}{move['to_stage'] or move['outcome']}"
    return told


def _is_pending(event: Event) -> bool:
    return event["became"] is not None and event["became"]["state"] == "pending"
