"""Explanation of a placement: the rules that could act next."""

from pydantic import ConfigDict, Field

from services.api.schemas.base import Example, RequestModel, ResponseModel
from services.api.schemas.fields import Instant, JourneyKey, Status

Scalar = str | int | float | bool | None


class ExplainQuery(RequestModel):
    """Journey to explain."""

    journey: JourneyKey | None = Field(
        default=None,
        description="Journey to explain; absent: the default journey, or, of the journeys that the"
        " account is on, the one that was published first.",
    )


class Node(ResponseModel):
    """A condition of a rule, with the conditions that it consists of."""

    model_config = ConfigDict(from_attributes=True)

    condition: str = Field(
        description="all, any, not, performed, never, trait, idle, in_stage, milestone or touchpoint."
    )
    text: str = Field(description="The condition as a sentence.")
    holds: bool
    have: Scalar = Field(description="Present value: a count, seconds of waiting, a trait's value.")
    need: Scalar = Field(description="Required value, in the same unit.")
    satisfied_by: str | None = Field(description="What would make it hold; null if it holds.")
    events: list[str] = Field(description="Events that count towards it.")
    at: Instant | None = Field(description="Instant from which it holds without a further event.")
    until: Instant | None = Field(
        description="Instant at which it ceases to hold without a further event."
    )
    parts: list["Node"]


class Reachable(ResponseModel):
    """One rule that could act next."""

    model_config = ConfigDict(from_attributes=True)

    rule: str = Field(description="Path of the rule within the map.")
    kind: str | None = Field(
        description="Kind of the transition; null if the rule only joins the journey."
    )
    to_stage: str | None
    outcome: str | None
    holds: bool
    waits: bool = Field(description="Holds, and acts with the next touchpoint.")
    at: Instant | None = Field(
        description="Instant from which the rule holds without a further event."
    )
    condition: Node


class Explanation(ResponseModel):
    """Placement of an account, and every rule that could act next, strongest first."""

    account_id: str
    journey: str
    map_version: int
    as_of: Instant
    status: Status
    stage: str | None
    outcome: str | None
    cycle: int
    reachable: list[Reachable]


EXPLANATION_EXAMPLE: Example = {
    "account_id": "acme",
    "journey": "trial",
    "map_version": 2,
    "as_of": "2026-03-04T16:12:07.250000Z",
    "status": "active",
    "stage": "started",
    "outcome": None,
    "cycle": 1,
    "reachable": [
        {
            "rule": "stages.activated.enter",
            "kind": "advance",
            "to_stage": "activated",
            "outcome": None,
            "holds": False,
            "waits": False,
            "at": None,
            "condition": {
                "condition": "performed",
                "text": "Project Created at least 3 times",
                "holds": False,
                "have": 1,
                "need": 3,
                "satisfied_by": "Project Created 2 more times",
                "events": ["Project Created"],
                "at": None,
                "until": None,
                "parts": [],
            },
        }
    ],
}
