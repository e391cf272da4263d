"""Selects the events that `stageline tail` shows, and formats them. Pure.

An event is shown when its result is final; one that is pending for two polls is shown as pending and
again when its result is final. Nothing else is shown twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from services.cli.client.errors import printable

OVERLAP = 50
"""Ids read again: processes write concurrently, so a lower id may become visible after a higher one."""
_PENDING_POLLS = 2

Event = Mapping[str, Any]


@dataclass(slots=True)
class Follower:
    """Which events of one source were shown."""

    floor: int | None = None
    """Highest id of the events that were stored before the command started."""
    _highest: int = 0
    _shown: set[int] = field(default_factory=set)
    _pending: dict[int, int] = field(default_factory=dict)
    """Id of each event without a final result -> polls that returned it."""

    def begin(self, *, after: int) -> None:
        """Show only events above the id `after`."""
        self.floor = self._highest = after

    @property
    def after(self) -> int:
        """Id above which the next poll reads."""
        oldest = min(self._pending, default=self._highest)
        return max(0, self.floor or 0, min(self._highest - OVERLAP, oldest - 1))

    def new_events(self, newest_first: Sequence[Event]) -> Iterator[Event]:
        """Events of the page to show now, oldest first."""
        for event in reversed(newest_first):
            number = event["id"]
            if number in self._shown or (self.floor is not None and number <= self.floor):
                continue
            self._highest = max(self._highest, number)
            if _is_pending(event):
                polls = self._pending.get(number, 0) + 1
                self._pending[number] = polls
                if polls == _PENDING_POLLS:
                    yield event
                continue
            self._pending.pop(number, None)
            self._shown.add(number)
            yield event
        # An event that the api no longer keeps cannot get a final result here.
        lowest = min((event["id"] for event in newest_first), default=0)
        self._pending = {n: polls for n, polls in self._pending.items() if n >= lowest}
        self._shown = {number for number in self._shown if number > self.after}


def is_error(event: Event) -> bool:
    """Whether the event was refused, became a dead letter, or is lost as another event has its id."""
    became = event["became"]
    is_lost = became is not None and (
        became["state"] == "dead_letter" or (became["state"] == "duplicate" and became["reason"])
    )
    return bool(is_lost) or bool(event["outcome"] == "refused")


def line(event: Event, source: str | None) -> Text:
    """One line for a terminal: time in UTC, source, route, event, names, result."""
    text = Text(_instant(event["received_at"]), style="dim")
    if source is not None:
        text.append(f" {printable(source)}", style="cyan")
    text.append(f" {event['route']}", style="dim")
    text.append(f" {printable(event['event'] or '-')}", style="bold")
    for name in (event["person"], event["account_id"]):
        if name:
            text.append(f" {printable(name)}")
    text.append("  ").append_text(_became(event))
    if event["outcome"] == "accepted" and event["detail"]:
        text.append(f"  {printable(event['detail'])}", style="yellow")
    if event.get("meant"):
        hint = f"  no map knows this event; did you mean: {printable(event['meant'])}?"
        text.append(hint, style="yellow")
    return text


def _instant(received_at: str) -> str:
    """To the millisecond, with its zone."""
    return f"{datetime.fromisoformat(received_at).astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3] + "Z"


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
        case "duplicate" if became["reason"]:
            return Text("duplicate with other content", style="red")
        case state:
            return Text(state, style="yellow")


def _moves(event: Event) -> str:
    became = event["became"]
    subject = became["subject_id"]
    # The subject, unless the line names it already.
    text = (
        f" to {subject}"
        if subject and subject not in (event["account_id"], event["person"])
        else ""
    )
    for move in became["transitions"]:
        start = f"{move['from_stage']} -> " if move["from_stage"] else ""
        text += f", {move['journey']}: {start}{move['to_stage'] or move['outcome']}"
    return text


def _is_pending(event: Event) -> bool:
    return event["became"] is not None and event["became"]["state"] == "pending"
