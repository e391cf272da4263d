"""Stored touchpoints as the engine folds them, in event order."""

import asyncio
from collections.abc import Sequence

from services.stager.store.rows import StoredTouchpoint
from shared.history import decode_stored, touchpoint
from shared.journey.model import Touchpoint, event_order

_PIECE = 500
"""Touchpoints decoded in one go, about a millisecond."""


async def decoded(rows: Sequence[StoredTouchpoint]) -> list[Touchpoint]:
    """Rows of `touchpoint` as the engine sees them, sorted by event order."""
    history: list[Touchpoint] = []
    for at in range(0, len(rows), _PIECE):
        history += [
            touchpoint(decode_stored(row.envelope), row.person_id) for row in rows[at : at + _PIECE]
        ]
        await asyncio.sleep(0)
    history.sort(key=event_order)
    return history
