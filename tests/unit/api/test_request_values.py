"""What callers name is refused where the database could neither reckon with it nor store it."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from services.api.errors import Code
from services.api.http.problems import validation_refusal
from services.api.schemas.accounts import AccountsQuery
from services.api.schemas.alerts import AlertsQuery
from services.api.schemas.campaigns import CampaignsQuery
from services.api.schemas.kpis import KpiQuery, KpiValues
from services.api.schemas.stage import StageBatchBody, StageQuery

VALUE = {
    "journey": "growth",
    "stage": "trial",
    "kpi": "Trial activation rate",
    "value": 64,
    "at": "2026-03-01T00:00:00Z",
}
BEYOND = ["0001-01-01T00:00:00+14:00", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"]


def refused(part: str, model: type[BaseModel], values: dict[str, Any]) -> tuple[Code, str]:
    """Code and pointer of the refusal for `values` in this part of a request."""
    with pytest.raises(ValidationError) as caught:
        model.model_validate(values)
    refusal = validation_refusal(
        [{**error, "loc": (part, *error["loc"])} for error in caught.value.errors()], {part: model}
    )
    return refusal.code, refusal.errors[0].pointer


def test_a_value_within_the_calendar_is_valid() -> None:
    for at in ("1970-01-01T00:00:00Z", "2026-03-01T00:00:00+14:00", "9999-12-30T00:00:00-14:00"):
        assert KpiValues.model_validate({"items": [{**VALUE, "at": at}]}).items[0].value == 64


@pytest.mark.parametrize("at", BEYOND)
def test_a_value_beyond_the_calendar_is_refused_by_its_place(at: str) -> None:
    items = [{**VALUE, "at": at}]

    assert refused("body", KpiValues, {"items": items}) == (Code.INVALID_BODY, "/items/0/at")


@pytest.mark.parametrize("field", ["segment", "origin"])
def test_a_nul_in_a_value_is_refused_by_its_place(field: str) -> None:
    items = [{**VALUE, field: "a\0b"}]

    assert refused("body", KpiValues, {"items": items}) == (Code.INVALID_BODY, f"/items/0/{field}")


@pytest.mark.parametrize("at", [*BEYOND, "2026-03-01T00:00:00"])
@pytest.mark.parametrize(
    ("model", "name"),
    [(KpiQuery, "since"), (CampaignsQuery, "since"), (CampaignsQuery, "until")],
    ids=["values since", "campaigns since", "campaigns until"],
)
def test_a_query_beyond_the_calendar_or_without_offset_is_refused(
    model: type[KpiQuery | CampaignsQuery], name: str, at: str
) -> None:
    assert refused("query", model, {name: at}) == (Code.INVALID_REQUEST, f"/query/{name}")


@pytest.mark.parametrize(
    ("part", "model", "values", "pointer", "detail"),
    [
        ("query", AccountsQuery, {"joruney": "x"}, "/query", "did you mean `journey`?"),
        ("query", AlertsQuery, {"status": "open"}, "/query", "did you mean `state`?"),
        ("query", StageQuery, {"acount_id": "x"}, "/query", "did you mean `account_id`?"),
        (
            "body",
            StageBatchBody,
            {"subjects": [{"account_id": "a"}, {"e-mail": "x"}]},
            "/subjects/1",
            "did you mean `email`?",
        ),
        (
            "body",
            KpiValues,
            {"items": [{**VALUE, "sgement": "x"}]},
            "/items/0",
            "did you mean `segment`?",
        ),
    ],
)
def test_an_unknown_name_is_answered_with_the_known_one_that_resembles_it(
    part: str, model: type[BaseModel], values: dict[str, Any], pointer: str, detail: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(values)
    errors = [{**error, "loc": (part, *error["loc"])} for error in caught.value.errors()]

    (problem,) = validation_refusal(errors, {part: model}).errors

    assert (problem.pointer, problem.detail) == (
        pointer,
        f"something here is not known to this call: {detail}",
    )
