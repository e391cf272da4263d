"""The kinds of condition that a map can write, a module each, in the order of the JSON Schema."""

from shared.maps.kinds.all import AllRule
from shared.maps.kinds.any import AnyRule
from shared.maps.kinds.event import EventRule
from shared.maps.kinds.idle import IdleRule
from shared.maps.kinds.in_stage import InStageRule
from shared.maps.kinds.milestone import MilestoneRule
from shared.maps.kinds.never import NeverRule
from shared.maps.kinds.not_ import NotRule
from shared.maps.kinds.trait import TraitRule
from shared.maps.rules import RuleModel

EVERY_KIND: tuple[type[RuleModel], ...] = (
    AllRule,
    AnyRule,
    NotRule,
    EventRule,
    NeverRule,
    TraitRule,
    IdleRule,
    InStageRule,
    MilestoneRule,
)
