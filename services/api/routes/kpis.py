"""`/v1/kpis/values`: values that are measured elsewhere and pushed here (R54)."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Query

from services.api.cursors import KpiPosition
from services.api.dependencies import Database, Maps, Now
from services.api.errors import Code
from services.api.http.routing import RequestBody, ScopedRouter
from services.api.maps.cache import PreparedMap
from services.api.pagination import paginate, position
from services.api.queries import kpis as stored
from services.api.queries.kpis import Reading
from services.api.schemas import kpis as schemas
from shared.keys.principal import Scope
from shared.wording import nearest

router = ScopedRouter(prefix="/v1/kpis/values", tags=["kpis"])

_LISTING = "kpi values"


@router.post(
    "",
    operation_id="pushKpiValues",
    scope=Scope.KPIS_WRITE,
    refusals=[],
    summary="Push values that are measured elsewhere",
    response_description="Which values were accepted.",
    example=schemas.KPI_RECEIPT_EXAMPLE,
    body=RequestBody(
        max_bytes=1_000_000,
        description=f"At most {schemas.MAX_VALUES} values.",
        example=schemas.KPI_VALUES_EXAMPLE,
    ),
)
async def push_kpi_values(
    values: schemas.KpiValues, database: Database, maps: Maps, now: Now
) -> schemas.KpiReceipt:
    """For indicators that a map declares at a stage.

    A value is identified by journey, stage, indicator, segment and instant; a later push replaces it.
    Each value is accepted or rejected by itself.
    """
    newest = await maps.newest(database.workspace_id)
    readings: list[Reading] = []
    rejected: list[schemas.KpiRejection] = []
    for index, item in enumerate(values.items):
        reading = _reading(item, newest)
        if isinstance(reading, Reading):
            readings.append(reading)
        else:
            code, detail = reading
            rejected.append(schemas.KpiRejection(index=index, code=code, detail=detail))
    if readings:
        async with database.transaction() as connection:
            await stored.keep(connection, database.workspace_id, readings, now)
    return schemas.KpiReceipt(accepted=len(readings), rejected=rejected)


@router.get(
    "",
    operation_id="listKpiValues",
    scope=Scope.STAGES_READ,
    refusals=[Code.INVALID_CURSOR],
    summary="Values that were pushed, newest first",
    response_description="A page of values.",
    example=schemas.STORED_KPI_VALUES_EXAMPLE,
)
async def list_kpi_values(
    query: Annotated[schemas.KpiQuery, Query()], database: Database
) -> schemas.StoredKpiValues:
    """A value must pass all filters. Continue with `next_cursor` until it is null."""
    after = position(query, KpiPosition, _LISTING)
    filters = stored.Filters(
        journey=query.journey,
        stage=query.stage,
        kpi=query.kpi,
        segment=query.segment,
        since=query.since,
    )
    async with database.transaction() as connection:
        rows = await stored.page(
            connection, database.workspace_id, filters, after=after, limit=query.limit + 1
        )
    page = paginate(
        rows,
        query,
        _LISTING,
        lambda row: KpiPosition(row.at, row.journey, row.stage, row.kpi, row.segment),
    )
    return schemas.StoredKpiValues(
        items=[schemas.StoredKpiValue.model_validate(dict(row._mapping)) for row in page.rows],  # noqa: SLF001 - SQLAlchemy's public name
        next_cursor=page.next_cursor,
    )


def _reading(item: schemas.KpiValue, maps: Mapping[str, PreparedMap]) -> Reading | tuple[str, str]:
    """The reading under the map's spelling of the indicator, or code and detail of the rejection."""
    journey = maps.get(item.journey)
    if journey is None:
        return "journey_unknown", _near("No such journey is published.", item.journey, maps)
    stage = journey.stages.get(item.stage)
    if stage is None:
        return "stage_unknown", _near("The map has no such stage.", item.stage, journey.stages)
    names = {name.casefold(): name for name in stage.kpis}
    name = names.get(item.kpi.strip().casefold())
    if name is None:
        near = _near("The stage declares no such indicator.", item.kpi.casefold(), names)
        return "kpi_unknown", near
    return Reading(
        journey=item.journey,
        stage=item.stage,
        kpi=name,
        segment=item.segment,
        at=item.at,
        value=item.value,
        origin=item.origin,
    )


def _near(sentence: str, word: str, names: Mapping[str, object]) -> str:
    """`sentence` with the most similar name of `names`; never with `word`, which was sent."""
    near = nearest(word, names)
    return f"{sentence} Did you mean `{near}`?" if near else sentence
