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
    """Why a person is left alone from now on."""

    reason: Reason = Field(default="", description="For those who ask later. No personal data.")


class Unsuppress(RequestModel):
    """How far a person is let in again."""

    erased: bool = Field(default=False, description="Even if the person was erased.")


class Suppression(ResponseModel):
    """Whether a person is left alone."""

    person: str
    suppressed: bool
    since: Instant | None = Field(description="When it was asked for; null while it is not.")
    reason: str | None
    names: int = Field(description="Names of the person that this was done for.")


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
