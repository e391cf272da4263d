"""What the kinds that wait for a duration have in common: how a waiting is explained."""

from datetime import datetime, timedelta

from shared.journey.condition import Condition, Explainer, Node
from shared.journey.phrases import remaining_text


def waiting_node(
    condition: Condition, explainer: Explainer, *, start: datetime | None, duration: timedelta
) -> Node:
    """Explanation of a condition that holds `duration` after `start`; None: nothing has started."""
    waited = timedelta(0) if start is None else explainer.now - start
    holds = start is not None and waited >= duration
    return Node(
        condition=condition.kind,
        text=explainer.text(condition),
        holds=holds,
        have=waited.total_seconds(),
        need=duration.total_seconds(),
        satisfied_by=None
        if holds or start is None
        else f"waiting {remaining_text(duration - waited)} more",
        at=None if holds or start is None else start + duration,
    )
