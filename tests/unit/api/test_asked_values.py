"""What callers name is refused where the database could neither reckon with it nor store it."""

import json
from typing import Any

import pytest

from services.api import wire
from services.api.errors import Code, RequestRefused
from services.api.schemas.campaigns import CampaignsQuery
from services.api.schemas.kpis import KpiQuery, KpiValues

VALUE = {
    "journey": "growth",
    "stage": "trial",
    "kpi": "Trial activation rate",
    "value": 64,
    "at": "2026-03-01T00:00:00Z",
}
BEYOND = ["0001-01-01T00:00:00+14:00", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"]


def refused(**fields: Any) -> tuple[Code, str]:
    with pytest.raises(RequestRefused) as caught:
        wire.json_body(KpiValues, json.dumps({"items": [{**VALUE, **fields}]}).encode())
    return caught.value.code, caught.value.errors[0].pointer


def test_a_value_within_the_calendar_is_taken() -> None:
    for at in ("1970-01-01T00:00:00Z", "2026-03-01T00:00:00+14:00", "9999-12-30T00:00:00-14:00"):
        body = json.dumps({"items": [{**VALUE, "at": at}]}).encode()
        assert wire.json_body(KpiValues, body).items[0].value == 64


@pytest.mark.parametrize("at", BEYOND)
def test_a_value_beyond_the_calendar_is_refused_by_its_place(at: str) -> None:
    assert refused(at=at) == (Code.INVALID_BODY, "/items/0/at")


@pytest.mark.parametrize("field", ["segment", "origin"])
def test_a_nul_in_a_value_is_refused_by_its_place(field: str) -> None:
    assert refused(**{field: "a\0b"}) == (Code.INVALID_BODY, f"/items/0/{field}")


@pytest.mark.parametrize("at", [*BEYOND, "2026-03-01T00:00:00"])
@pytest.mark.parametrize(
    ("model", "name"),
    [(KpiQuery, "since"), (CampaignsQuery, "since"), (CampaignsQuery, "until")],
    ids=["values since", "campaigns since", "campaigns until"],
)
def test_a_query_beyond_the_calendar_or_without_offset_is_refused(
    model: type[KpiQuery | CampaignsQuery], name: str, at: str
) -> None:
    with pytest.raises(RequestRefused) as caught:
        wire.query(model, {name: at})

    assert caught.value.code is Code.INVALID_REQUEST
