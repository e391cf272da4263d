"""A journey map as a document: everything that its author wrote, checked against the schema.

What the engine needs of it is `journey.to_journey`; personas, roles, scoring, metrics, KPIs and content
are stored and shown.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PrivateAttr

from shared.maps.kinds import EVERY_KIND
from shared.maps.problems import Positions
from shared.maps.rules import MapPart, Rule, register
from shared.maps.values import (
    AnyJson,
    Date,
    Duration,
    EventName,
    EventNames,
    JourneyKey,
    Key,
    Number,
    Prose,
    Word,
)

register(*EVERY_KIND)

MOST_STAGES = 100
MOST_PARTS = 50
"""Outcomes, and loops. The cost of compiling a map grows faster than the number of its parts, and
every process that reads the map pays it."""

Unit = Literal["percent", "days", "hours", "minutes", "seconds", "count", "score", "money"]
Direction = Literal["higher", "lower"]
CHANNELS = (
    "website", "ads", "email", "phone", "sales", "product", "search", "social", "chat", "support",
    "billing", "webinar", "event", "review_site", "referral", "trade_show", "meeting", "store",
    "crm", "offline",
)  # fmt: skip
"""Systems and places where touchpoints happen; lint warns about any other."""


class Touchpoint(MapPart):
    """An interaction that belongs to a stage. Its owner is the stage's unless it names one."""

    event: EventName
    title: Word | None = None
    channel: Word | None = None
    owner: Word | None = None
    kind: Literal["digital", "human"] | None = None
    is_internal: bool = Field(default=False, alias="internal")
    """Work between teams that the customer does not see."""
    goal: Prose | None = None
    systems: list[Word] = Field(default_factory=list)


class Endpoint(MapPart):
    """What a metric counts from or to; one of the four."""

    stage: Key | None = None
    milestone: Key | None = None
    outcome: Key | None = None
    event: EventNames | None = None


class Metric(MapPart):
    """A number about a stage: how many reach it, or how well it works."""

    name: Word
    measure: Literal["reached", "count", "ratio", "duration", "sum"]
    event: EventNames | None = None
    """Events that `count` and `sum` look at."""
    property: Word | None = None
    """Property of the event that `sum` adds up."""
    from_: Endpoint | None = Field(default=None, alias="from")
    to: Endpoint | None = None
    leads_to: Key | None = None
    """The outcome or milestone that the metric is meant to move."""
    unit: Unit | None = None
    direction: Direction | None = None


class Metrics(MapPart):
    """The two numbers of a stage."""

    volume: Metric | None = None
    health: Metric | None = None


class Kpi(MapPart):
    """A goal in numbers; `current` is the value when it was written down."""

    name: Word
    target: Number | None = None
    current: Number | None = None
    baseline: Number | None = None
    unit: Unit | None = None
    direction: Direction | None = None
    source: Word | None = None
    action: Prose | None = None


class BackRule(MapPart):
    """A permitted move to an earlier stage."""

    to: Key
    when: Rule


class Stage(MapPart):
    """A named phase of the journey."""

    key: Key
    title: Word
    description: Prose | None = None
    job: Prose | None = None
    owner: Word | None = None
    touchpoints: list[
        Annotated[
            Touchpoint,
            BeforeValidator(
                lambda value: {"event": value} if isinstance(value, str) else value,
                json_schema_input_type=Touchpoint | Word,
            ),
        ]
    ] = Field(default_factory=list)
    enter: Rule | None = None
    back: list[BackRule] = Field(default_factory=list)
    stall_after: Duration | None = None
    metrics: Metrics | None = None
    kpis: list[Kpi] = Field(default_factory=list)
    content: dict[Word, dict[Word, Prose]] = Field(default_factory=dict)
    """Text by persona (or `default`) and slot."""


class WinBackRule(MapPart):
    """How an ended journey opens again."""

    to: Key
    when: Rule


class Outcome(MapPart):
    """A way for the journey to end."""

    key: Key
    title: Word
    kind: Literal["won", "lost", "churned"]
    when: Rule
    from_: list[Key] = Field(default_factory=list, alias="from")
    win_back: WinBackRule | None = None


class Milestone(MapPart):
    """A meaningful moment, reached at most once a cycle."""

    key: Key
    title: Word
    when: Rule
    customer_facing: bool = True


class Loop(MapPart):
    """From one of the stages a new cycle begins."""

    from_: list[Key] = Field(alias="from", min_length=1)
    to: Key
    when: Rule


class Persona(MapPart):
    """A kind of person that the map is drawn for."""

    key: Key
    title: Word
    job_title: Word | None = None
    need: Prose | None = None
    goals: list[Prose] = Field(default_factory=list)
    challenges: list[Prose] = Field(default_factory=list)
    pain_points: list[Prose] = Field(default_factory=list)
    preferred_channel: Word | None = None
    decision_process: Prose | None = None


class CommitteeRole(MapPart):
    """A part that people play in a decision."""

    key: Key
    title: Word
    description: Prose | None = None
    is_required: bool = Field(default=False, alias="required")


class Policy(MapPart):
    """What moves are permitted at all."""

    skips: Literal["allow", "forbid"] = "allow"


class MapDocument(MapPart):
    """A journey map. Equal when their definitions are, wherever they were read from."""

    # Built here, with all its parts: building each part separately would delay the start of every
    # process, and building on first use is not safe in two threads at once.
    model_config = ConfigDict(defer_build=False)

    journey: JourneyKey
    title: Word
    description: Prose | None = None
    subject: Literal["account", "person"]
    review_due: Date | None = None
    applies_to: Rule | None = None
    policy: Policy = Policy()
    server_only: EventNames | None = None
    """Events that a browser may not send: ingest refuses them from write keys."""
    stages: list[Stage] = Field(min_length=2, max_length=MOST_STAGES)
    outcomes: list[Outcome] = Field(default_factory=list, max_length=MOST_PARTS)
    milestones: list[Milestone] = Field(default_factory=list)
    loops: list[Loop] = Field(default_factory=list, max_length=MOST_PARTS)
    personas: list[Persona] = Field(default_factory=list)
    roles: list[CommitteeRole] = Field(default_factory=list)
    scoring: dict[Word, AnyJson] = Field(default_factory=dict)

    _positions: Positions = PrivateAttr(default_factory=Positions)

    @property
    def positions(self) -> Positions:
        """Positions of the parts in the text that this was parsed from; empty without a text."""
        return self._positions

    def locate(self, positions: Positions) -> None:
        """Set the positions of the parts; called by the parser of the text."""
        self._positions = positions

    def definition(self) -> dict[str, Any]:
        """The map as plain JSON data: defaults spelled out, absent parts left out.

        Defaults are spelled out so that a stored map keeps its meaning when a default changes.
        """
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def __eq__(self, other: object) -> bool:
        """Equality of the definitions; positions have no influence."""
        return isinstance(other, MapDocument) and self.definition() == other.definition()

    def __hash__(self) -> int:
        """By the journey's key alone: documents are compared, but rarely used as keys."""
        return hash(self.journey)
