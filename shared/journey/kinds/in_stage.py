"""`in_stage`: the present visit has lasted a duration."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from shared.journey.condition import Check, Condition, Explainer, Needs, Node, checked_duration
from shared.journey.facts import FactRegistry, Place
from shared.journey.kinds.waiting import waiting_node
from shared.journey.model import Status
from shared.journey.phrases import duration_text
from shared.journey.state import State
from shared.journey.trackers import Since

_ENDED = Status.ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class InStageFor(Condition):
    """The present visit has lasted `duration`; with `stage`, and is a visit of that stage.

    Of an ended journey, without `stage`: `duration` has passed since the outcome.
    """

    kind: ClassVar[str] = "in_stage"
    duration: timedelta
    stage: str | None = None

    def compile(self, place: Place, facts: FactRegistry) -> Check:
        """Comparison of the time since the visit began."""
        del place, facts
        duration, stage = checked_duration(self.duration), self.stage

        def in_stage(state: State, at: datetime) -> bool:
            if state.entered_at is None or at - state.entered_at < duration:
                return False
            return stage is None or (stage == state.stage and state.status is not _ENDED)

        return in_stage

    def needs(self, place: Place, facts: FactRegistry) -> Needs:
        """The length of the visit."""
        del place, facts
        return Needs(visits=frozenset({self.duration}))

    def named_stages(self) -> tuple[str, ...]:
        """The stage, if one is named."""
        return () if self.stage is None else (self.stage,)

    def sentence(self, since: Since) -> str:
        """For example: "in this stage for 14 days"."""
        del since
        where = "in this stage" if self.stage is None else f"in the stage {self.stage}"
        return f"{where} for {duration_text(self.duration)}"

    def explain(self, explainer: Explainer) -> Node:
        """Seconds since the visit began."""
        state = explainer.state
        start = state.entered_at
        if self.stage is not None and (self.stage != state.stage or state.status is _ENDED):
            start = None
        return waiting_node(self, explainer, start=start, duration=self.duration)
