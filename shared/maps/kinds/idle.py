"""`{idle: 30d}`, as written in a map."""

from typing import ClassVar

from shared.journey.kinds.idle import IdleFor
from shared.maps.rules import RuleModel
from shared.maps.values import Duration, timedelta_of


class IdleRule(RuleModel):
    """No touchpoint at all for so long."""

    kind: ClassVar[str] = "idle"
    idle: Duration

    def to_condition(self) -> IdleFor:
        """The same, in the engine's types."""
        return IdleFor(duration=timedelta_of(self.idle))
