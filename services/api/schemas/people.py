"""Suppression of people: their events are dropped at ingest."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from services.api.schemas.base import Example, RequestModel, ResponseModel
from services.api.schemas.fields import Instant, without_nul
from shared.sources.source import ERASED


def _reason(reason: str) -> str:
    if reason == ERASED:
        message = f"`{ERASED}` is what the erasure of a person says; use other words"
        raise ValueError(message)
    return without_nul(reason)


Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=500), AfterValidator(_reason)
]


class Suppress(RequestModel):
    """Reason of a suppression."""

    reason: Reason = Field(default="", description="Kept with the suppression. No personal data.")


class Unsuppress(RequestModel):
    """Extent of an unsuppression."""

    erased: bool = Field(
        default=False, description="Unsuppress the person even if they were erased."
    )


class Suppression(ResponseModel):
    """Whether a person is suppressed."""

    person: str
    suppressed: bool
    since: Instant | None = Field(description="When the suppression began; null if there is none.")
    reason: str | None
    names: int = Field(description="Number of names of the person that the request applied to.")


SUPPRESS_EXAMPLE: Example = {"reason": "asked by mail"}

UNSUPPRESS_EXAMPLE: Example = {}

SUPPRESSED_EXAMPLE: Example = {
    "person": "email:ann@acme.example",
    "suppressed": True,
    "since": "2026-03-02T09:30:00Z",
    "reason": "asked by mail",
    "names": 3,
}

UNSUPPRESSED_EXAMPLE: Example = {
    **SUPPRESSED_EXAMPLE,
    "suppressed": False,
    "since": None,
    "reason": None,
}
