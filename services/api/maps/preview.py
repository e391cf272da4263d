"""What publishing a map would change: the moves of subjects, by folding without writing. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from shared.history import decode_stored, touchpoint
from shared.journey.compile import CompiledJourney
from shared.journey.fold import refold
from shared.journey.model import Status

Position = tuple[str | None, str | None]
"""Stage and outcome; two times None for a subject that is not on the journey."""

ABSENT: Position = (None, None)

_in_event_order = attrgetter("order")


def changed_positions(
    compiled: CompiledJourney,
    histories: Mapping[str, Sequence[tuple[str, str | None]]],
    before: Mapping[str, Position],
    now: datetime,
) -> Counter[tuple[Position, Position]]:
    """Number of subjects by position before and by the map, where the two differ.

    Cost: a fold of each history, about 10 us a touchpoint.
    """
    changes: Counter[tuple[Position, Position]] = Counter()
    for subject_id, rows in histories.items():
        history = [touchpoint(decode_stored(text), person) for text, person in rows]
        history.sort(key=_in_event_order)
        state, _ = refold(compiled, history, now)
        after = ABSENT if state.status is Status.NOT_STARTED else (state.stage, state.outcome)
        earlier = before.get(subject_id, ABSENT)
        if after != earlier:
            changes[earlier, after] += 1
    return changes


def key_changes(
    before: Mapping[str, Any], after: Mapping[str, Any], part: str
) -> tuple[list[str], list[str], list[str]]:
    """Keys of `stages` or `outcomes` that are added, removed, and defined in another way."""
    old = {each["key"]: each for each in before.get(part) or ()}
    new = {each["key"]: each for each in after.get(part) or ()}
    changed = [key for key in new if key in old and new[key] != old[key]]
    return [key for key in new if key not in old], [key for key in old if key not in new], changed
