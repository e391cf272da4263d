"""What `stageline map publish` says before it publishes. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from services.cli.client.errors import printable
from shared.wording import counted

MOST_MOVING = 0.1
"""Share of the accounts on a journey that may move without a question."""

_SHOWN_MOVES = 20


def is_large(preview: Mapping[str, Any]) -> bool:
    """Whether more than a tenth of those who are on the journey would move."""
    return bool(preview["moving"] > MOST_MOVING * preview["placed"])


def preview_lines(preview: Mapping[str, Any]) -> Iterator[str]:
    """The preview as lines for a terminal."""
    key, version = printable(preview["key"]), preview["version"]
    yield f"{key} is not in force yet" if version is None else f"{key} is in version {version}"
    folded, total, placed = preview["folded"], preview["total"], preview["placed"]
    sample = "" if folded == total else f" (the first by id of {total:,})"
    share = f" ({preview['moving'] / placed:.0%})" if placed else ""
    yield (
        f"{counted(folded, 'subject')} folded{sample}: {placed:,} on the journey now,"
        f" {preview['moving']:,} of them would move{share}"
    )
    for move in preview["moves"][:_SHOWN_MOVES]:
        yield f"  {_position(move, 'from')} -> {_position(move, 'to')}: {move['subjects']:,}"
    others = sum(move["subjects"] for move in preview["moves"][_SHOWN_MOVES:])
    if others:
        yield f"  other moves: {others:,}"
    for part in ("stages_added", "stages_removed", "outcomes_added", "outcomes_removed"):
        if preview[part]:
            yield f"{part.replace('_', ' ')}: {printable(', '.join(preview[part]))}"
    if preview["outcomes_changed"]:
        yield f"outcomes changed: {printable(', '.join(preview['outcomes_changed']))}"


def _position(move: Mapping[str, Any], end: str) -> str:
    stage, outcome = move[f"{end}_stage"], move[f"{end}_outcome"]
    if outcome is not None:
        return printable(outcome if stage is None else f"{outcome} (in {stage})")
    return "not on the journey" if stage is None else printable(stage)
