"""Values of indicators that are measured elsewhere and pushed here."""

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
    """One reading of one indicator."""

    journey: JourneyKey
    stage: StageKey = Field(description="Stage of the map that declares the indicator.")
    kpi: Word = Field(description="Its name in the map, in any case.")
    value: float = Field(allow_inf_nan=False, description="In the unit that the map declares.")
    at: RequestInstant = Field(
        description="What the value is the reading of: a day, a month's end."
    )
    segment: Origin = Field(default="", description="Of which customers; empty: of all.")
    origin: Origin = Field(default="", description="Where it was measured, like `search console`.")


class KpiValues(RequestModel):
    """Readings to keep."""

    items: list[KpiValue] = Field(min_length=1, max_length=MAX_VALUES)


class KpiRejection(ResponseModel):
    """One reading that was not kept."""

    index: int = Field(description="Its place in the request, from 0.")
    code: str = Field(description="`journey_unknown`, `stage_unknown` or `kpi_unknown`.")
    detail: str


class KpiReceipt(ResponseModel):
    """What became of the readings."""

    accepted: int
    rejected: list[KpiRejection]


class KpiQuery(PageQuery):
    """Which readings."""

    journey: JourneyKey | None = Field(default=None, description="Only of this journey.")
    stage: StageKey | None = Field(default=None, description="Only of this stage.")
    kpi: Word | None = Field(default=None, description="Only of this indicator, by its exact name.")
    segment: Origin | None = Field(default=None, description="Only of this segment.")
    since: RequestInstant | None = Field(
        default=None, description="Only readings at this instant or later; RFC 3339."
    )


class StoredKpiValue(ResponseModel):
    """A reading as it is kept."""

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
