"""`trait`: the newest value of a trait, of the account or of a person, compares as required."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from shared.journey.comparison import Operator, Predicate, Scalar, accepts_values, value_at
from shared.journey.condition import Check, Condition, Explainer, Node
from shared.journey.facts import FactRegistry, Place
from shared.journey.phrases import comparison, obstacle, with_obstacle
from shared.journey.trackers import (
    AccountTraitTracker,
    PersonTraitTracker,
    Since,
    TraitOwner,
    TraitTracker,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trait(Condition):
    """The newest value of the account's trait satisfies `predicate`, or that of any person.

    `exists: false` of persons means that no person has the trait.
    """

    kind: ClassVar[str] = "trait"
    owner: TraitOwner
    predicate: Predicate

    def compile(self, place: Place, facts: FactRegistry) -> Check:
        """Membership in the fact, or its opposite."""
        del place
        tracker = self._tracker(facts)
        number = tracker.number
        if self.owner is TraitOwner.PERSON:
            if self._is_absence():
                return lambda state, _: number not in state.held
            return lambda state, _: number in state.held
        if tracker.accepts(None):
            return lambda state, _: number not in state.counts
        return lambda state, _: number in state.counts

    def sentence(self, since: Since) -> str:
        """For example: "the account's plan is “pro”"."""
        del since
        if self.owner is TraitOwner.ACCOUNT:
            return f"the account's {comparison(self.predicate)}"
        if self._is_absence():
            return f"nobody's {self.predicate.path} is known"
        return f"somebody's {comparison(self.predicate)}"

    def explain(self, explainer: Explainer) -> Node:
        """The account's value, or the number of persons with an accepted one."""
        holds = self.compile(explainer.place, explainer.facts)(explainer.state, explainer.now)
        text = explainer.text(self)
        have: Scalar
        need: Scalar
        obstacles: Iterator[str | None] = iter(())
        if self.owner is TraitOwner.ACCOUNT:
            value = self.predicate.value
            have = explainer.state.traits.get(self.predicate.path)
            obstacles = iter([obstacle(self.predicate, have)])
            need = None if isinstance(value, tuple) else value
        else:
            have = len(explainer.state.held.get(self._tracker(explainer.facts).number, ()))
            need = 0 if self._is_absence() else 1
            path = tuple(self.predicate.path.split("."))
            obstacles = (
                obstacle(self.predicate, value_at(each.traits, path)) for each in explainer.recent
            )
        return Node(
            condition=self.kind,
            text=text,
            holds=holds,
            have=have,
            need=need,
            satisfied_by=None if holds else with_obstacle(text, obstacles),
        )

    def _is_absence(self) -> bool:
        """Whether the condition is that no person has the trait."""
        return (
            self.owner is TraitOwner.PERSON
            and self.predicate.operator is Operator.EXISTS
            and self.predicate.value is False
        )

    def _tracker(self, facts: FactRegistry) -> TraitTracker:
        return facts.trait(("trait", self.owner.value, repr(self.predicate)), self._make_tracker)

    def _make_tracker(self, number: int) -> TraitTracker:
        path = tuple(self.predicate.path.split("."))
        if self.owner is TraitOwner.ACCOUNT:
            accepts = accepts_values(self.predicate)
            return AccountTraitTracker(
                number=number,
                owner=self.owner,
                path=path,
                accepts=accepts,
                accepts_missing=accepts(None),
            )
        # That no person has the trait is the opposite of one person having it.
        of_one = replace(self.predicate, value=True) if self._is_absence() else self.predicate
        return PersonTraitTracker(
            number=number, owner=self.owner, path=path, accepts=accepts_values(of_one)
        )
