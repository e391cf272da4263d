"""The position of a subject on a journey, with the facts that the next decision needs.

A `State` is the fold of a subject's touchpoints so far. It contains strings, numbers, instants, lists
and dicts only, so that JSON represents it unchanged. A field at its default is absent from the instance
(a class attribute gives the value) and therefore from its JSON: most subjects use few of them.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from types import MappingProxyType
from typing import Any

from shared.journey.comparison import Scalar
from shared.journey.model import LastTouchpoint, Stall, Status

FORMAT = 1
"""Version of the numbering of facts; when it grows, states of an older format are re-folded."""


@dataclass(kw_only=True)
class State:
    """A value: neither the engine nor its users change a state after it was returned.

    `counts`, `times` and `held` are keyed by the numbers that `compile_journey` gives to the
    conditions of one map version: a state belongs to the version that folded it.
    """

    status: Status = Status.NOT_STARTED
    stage: str | None = None
    """Present stage; of an ended journey the stage that it ended in."""
    outcome: str | None = None
    cycle: int = 1
    entered_at: datetime | None = None
    """Start of the present visit; of an ended journey the instant of the outcome."""
    milestones: dict[str, datetime] = field(default_factory=dict)
    """Milestones reached in the present cycle, with their instants."""
    last: LastTouchpoint | None = None
    advanced_to: datetime | None = None
    """Newest instant at which time alone changed something."""
    sequence: int = 0
    """Number of transitions so far."""
    value: float | None = None
    """Newest `value` that a touchpoint carried."""
    stall: Stall | None = None
    """The open stall of the present visit."""
    joined: bool = False
    """Whether `applies_to` has ever held."""
    entered: tuple[str, ...] = ()
    """Stages entered since the last touchpoint, its own moves included; none is entered twice."""
    counts: dict[int, int] = field(default_factory=dict)
    """Number of occurrences by fact, up to the highest count that a condition compares with."""
    times: dict[int, list[datetime]] = field(default_factory=dict)
    """Newest instants of a windowed fact, oldest first, as many as a condition counts."""
    held: dict[int, list[str]] = field(default_factory=dict)
    """Persons who satisfy a condition on a person's trait, sorted."""
    traits: dict[str, Scalar] = field(default_factory=dict)
    """Newest values of the account traits that the map names, shortened: for explanations only."""

    def __post_init__(self) -> None:
        """Drop fields at their default."""
        self.slim()

    def slim(self) -> None:
        """Drop fields that are back at their default, so that equal states encode equally."""
        own = self.__dict__
        for name in [name for name, value in own.items() if value == _DEFAULTS.get(name, _KEEP)]:
            del own[name]

    @classmethod
    def initial(cls) -> "State":
        """State of a subject without touchpoints."""
        return cls()

    @property
    def stalled_at(self) -> datetime | None:
        """Instant at which the present visit became a stall."""
        return None if self.stall is None else self.stall.stalled_at

    def copy(self) -> "State":
        """An equal state. Both share their dicts: the engine replaces dicts and never changes one."""
        new = _new(State)
        new.__dict__.update(self.__dict__)
        return new


_new = object.__new__
_KEEP = object()
_EMPTY: Mapping[Any, Any] = MappingProxyType({})
_FACTS = ("counts", "times", "held", "traits")
for _name in _FACTS:
    setattr(State, _name, _EMPTY)
_DEFAULTS: Mapping[str, Any] = {
    **{each.name: each.default for each in fields(State) if each.default is not MISSING},
    **dict.fromkeys(_FACTS, _EMPTY),
}
