"""The kinds of condition, a module each. docs/engine.md says how to add one."""

from shared.journey.kinds.all import All
from shared.journey.kinds.any import AnyOf
from shared.journey.kinds.idle import IdleFor
from shared.journey.kinds.in_stage import InStageFor
from shared.journey.kinds.milestone import MilestoneReached
from shared.journey.kinds.never import Never
from shared.journey.kinds.not_ import Not
from shared.journey.kinds.performed import Performed
from shared.journey.kinds.touchpoint import AnyTouchpoint
from shared.journey.kinds.trait import Trait

__all__ = [
    "All",
    "AnyOf",
    "AnyTouchpoint",
    "IdleFor",
    "InStageFor",
    "MilestoneReached",
    "Never",
    "Not",
    "Performed",
    "Trait",
]
