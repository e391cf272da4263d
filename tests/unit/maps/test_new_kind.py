"""A kind of condition that only this file defines runs from YAML to the explanation.

All of it stands here: the engine's condition, its schema, and the call that registers it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest
from pydantic import Field

from shared.journey.compile import compile_journey
from shared.journey.condition import Check, Condition, Explainer, Needs, Node, checked_duration
from shared.journey.deadlines import next_deadline
from shared.journey.explain import explain
from shared.journey.facts import FactRegistry, Place
from shared.journey.fold import advance, fold
from shared.journey.model import Cause, Touchpoint, Transition
from shared.journey.phrases import duration_text
from shared.journey.state import State
from shared.journey.trackers import Since, Tracker, WindowTracker
from shared.maps import MapDocument, MapInvalid, from_definition, lint, parse, to_journey
from shared.maps.problems import Path
from shared.maps.rules import KINDS, MapPart, RuleModel, register
from shared.maps.values import Duration, Key, Word, timedelta_of

SIGNED = datetime(2026, 3, 1, tzinfo=UTC)
MAP = """
journey: contracts
title: Contracts
subject: account
stages:
  - {key: first, title: First}
  - {key: second, title: Second, enter: {aged: {event: Contract Signed, for: 30d}}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aged(Condition):
    """The newest touchpoint of an event lies `duration` back."""

    kind: ClassVar[str] = "aged"
    event: str
    duration: timedelta

    def compile(self, place: Place, facts: FactRegistry) -> Check:
        number, duration = self.tracker(place, facts).number, checked_duration(self.duration)

        def aged(state: State, at: datetime) -> bool:
            times = state.times.get(number)
            return times is not None and at - times[-1] >= duration

        return aged

    def needs(self, place: Place, facts: FactRegistry) -> Needs:
        number = self.tracker(place, facts).number
        return Needs(facts=frozenset({number}), windows=frozenset({(number, self.duration)}))

    def sentence(self, since: Since) -> str:
        del since
        return f"{self.event} lies {duration_text(self.duration)} back"

    def explain(self, explainer: Explainer) -> Node:
        number = self.tracker(explainer.place, explainer.facts).number
        times = explainer.state.times.get(number, [])
        at = times[-1] + self.duration if times else None
        return Node(
            condition=self.kind,
            text=explainer.text(self),
            holds=at is not None and at <= explainer.now,
            events=() if times else (self.event,),
            at=at if at is not None and at > explainer.now else None,
        )

    def tracker(self, place: Place, facts: FactRegistry) -> Tracker:
        return facts.tracker(
            ("aged", self.event, place.group or ""),
            lambda number: WindowTracker(
                number=number,
                events=(self.event,),
                accepts=None,
                since=Since.CYCLE,
                group=place.group,
            ),
        )


class AgedDetail(MapPart):
    event: Word
    for_: Duration = Field(alias="for")
    stage: Key | None = None


class AgedRule(RuleModel):
    kind: ClassVar[str] = "aged"
    aged: AgedDetail

    def events(self) -> Iterator[tuple[Path, str]]:
        yield ("aged", "event"), self.aged.event

    def stages(self) -> Iterator[tuple[Path, str]]:
        if self.aged.stage is not None:
            yield ("aged", "stage"), self.aged.stage

    def to_condition(self) -> Condition:
        return Aged(event=self.aged.event, duration=timedelta_of(self.aged.for_))


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    register(AgedRule)
    MapDocument.model_rebuild(force=True)
    yield
    del KINDS[AgedRule.kind]
    MapDocument.model_rebuild(force=True)


def touchpoint(event: str, at: datetime) -> Touchpoint:
    return Touchpoint(message_id=event, occurred_at=at, event=event)


def test_a_new_kind_is_compiled_folded_and_due_by_time() -> None:
    compiled = compile_journey(to_journey(parse(MAP), 1))

    state, entered = fold(compiled, State.initial(), touchpoint("Contract Signed", SIGNED))
    due = next_deadline(compiled, state)
    moved, effects = advance(compiled, state, SIGNED + timedelta(days=31))

    assert [each.to_stage for each in entered if isinstance(each, Transition)] == ["first"]
    assert due == SIGNED + timedelta(days=30)
    assert moved.stage == "second"
    assert [each.cause for each in effects if isinstance(each, Transition)] == [
        Cause(timer="window")
    ]


def test_a_new_kind_is_explained_as_a_sentence_with_its_instant() -> None:
    compiled = compile_journey(to_journey(parse(MAP), 1))
    state, _ = fold(compiled, State.initial(), touchpoint("Contract Signed", SIGNED))

    explained = explain(compiled, state, SIGNED + timedelta(days=1)).reachable[0]

    assert explained.to_stage == "second"
    assert explained.at == SIGNED + timedelta(days=30)
    assert explained.condition == Node(
        condition="aged",
        text="Contract Signed lies 30 days back",
        holds=False,
        at=SIGNED + timedelta(days=30),
    )


def test_a_new_kind_survives_storing() -> None:
    document = parse(MAP)

    assert document.definition()["stages"][1]["enter"] == {
        "aged": {"event": "Contract Signed", "for": "30d"}
    }
    assert from_definition(document.definition()) == document


def test_mistakes_and_advice_about_a_new_kind_have_their_place() -> None:
    with pytest.raises(MapInvalid) as mistyped:
        parse(MAP.replace("for: 30d", "for: 30d, evnt: x"))
    with pytest.raises(MapInvalid) as unknown:
        parse(MAP.replace("for: 30d", "for: 30d, stage: secnd"))
    listed = MAP.replace("title: First", "title: First, touchpoints: [Contract signed]")

    assert [(each.path, each.hint) for each in mistyped.value.problems] == [
        ("stages[1].enter.aged.evnt", "did you mean `event`?")
    ]
    assert [(each.path, each.message) for each in unknown.value.problems] == [
        ("stages[1].enter.aged.stage", "there is no stage `secnd`")
    ]
    assert "stages[1].enter.aged.event" in [each.path for each in lint(parse(listed))]


def test_a_contradiction_in_a_new_kind_is_refused_at_compilation() -> None:
    with pytest.raises(ValueError, match="century"):
        Aged(event="E", duration=timedelta(days=40_000)).compile(
            Place(since=Since.CYCLE), FactRegistry()
        )
