"""`{trait: {of: account, name: plan, eq: pro}}`, as written in a map."""

from typing import ClassVar, Literal

from shared.journey.condition import Condition
from shared.journey.kinds.all import All
from shared.journey.kinds.trait import Trait
from shared.journey.trackers import TraitOwner
from shared.maps.comparisons import Comparison
from shared.maps.rules import RuleModel
from shared.maps.values import PropertyPath


class TraitDetail(Comparison):
    """The newest value of a trait compares as asked."""

    of: Literal["account", "person"]
    name: PropertyPath


class TraitRule(RuleModel):
    """A trait of the account, or of any of its persons, compares as asked."""

    kind: ClassVar[str] = "trait"
    trait: TraitDetail

    def to_condition(self) -> Condition:
        """One condition for each operator; several must all hold."""
        owner = TraitOwner(self.trait.of)
        traits = tuple(
            Trait(owner=owner, predicate=predicate)
            for predicate in self.trait.predicates(self.trait.name)
        )
        return traits[0] if len(traits) == 1 else All(parts=traits)
