"""Values of indicators that are measured elsewhere and pushed."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from services.api.schemas.base import Example, ListOf, PageQuery, RequestModel, ResponseModel
from services.api.schemas.fields import (
    Instant,
    JourneyKey,
    RequestInstant,
    StageKey,
    Word,
    without_nul,
)

Origin = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=255), AfterValidator(without_nul)
]

MAX_VALUES = 1_000
"""Most values of one request."""


class KpiValue(RequestModel):
    """A reading of an indicator."""

    journey: JourneyKey
    stage: StageKey = Field(description="Stage of the map that declares the indicator.")
    kpi: Word = Field(description="Name of the indicator in the map; case does not matter.")
    value: float = Field(allow_inf_nan=False, description="In the unit that the map declares.")
    at: RequestInstant = Field(description="Instant that the value is of: a day, a month's end.")
    segment: Origin = Field(default="", description="Segment of customers; empty: all.")
    origin: Origin = Field(default="", description="Where it was measured, like `search console`.")


class KpiValues(RequestModel):
    """Readings to store."""

    items: list[KpiValue] = Field(min_length=1, max_length=MAX_VALUES)


class KpiRejection(ResponseModel):
    """A reading that was not stored."""

    index: int = Field(description="Index of the reading in the request, from 0.")
    code: str = Field(description="`journey_unknown`, `stage_unknown` or `kpi_unknown`.")
    detail: str


class KpiReceipt(ResponseModel):
    """Result of a push."""

    accepted: int
    rejected: list[KpiRejection]


class KpiQuery(PageQuery):
    """Filters of readings."""

    journey: JourneyKey | None = Field(default=None, description="Only readings of this journey.")
    stage: StageKey | None = Field(default=None, description="Only readings of this stage.")
    kpi: Word | None = Field(
        default=None, description="Only readings of this indicator, by its exact name."
    )
    segment: Origin | None = Field(default=None, description="Only readings of this segment.")
    since: RequestInstant | None = Field(
        default=None, description="Only readings at this instant or later; RFC 3339."
    )


class StoredKpiValue(ResponseModel):
    """A reading as it is stored."""

    journey: str
    stage: str
    kpi: str
    value: float
    at: Instant
    segment: str
    origin: str
    received_at: Instant


class StoredKpiValues(ListOf[StoredKpiValue]):
    """A page of readings, newest first."""


_KPI_VALUE: Example = {
    "journey": "b2b-core-5",
    "stage": "awareness",
    "kpi": "Organic traffic",
    "value": 18500.0,
    "at": "2026-03-01T00:00:00Z",
    "segment": "",
    "origin": "search console",
}

KPI_VALUES_EXAMPLE: Example = {"items": [_KPI_VALUE]}

KPI_RECEIPT_EXAMPLE: Example = {
    "accepted": 1,
    "rejected": [
        {
            "index": 1,
            "code": "kpi_unknown",
            "detail": "The stage declares no such indicator. Did you mean `organic traffic`?",
        }
    ],
}

STORED_KPI_VALUES_EXAMPLE: Example = {
    "items": [{**_KPI_VALUE, "received_at": "2026-03-02T06:00:00Z"}],
    "next_cursor": None,
}
