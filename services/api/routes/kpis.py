"""`/v1/kpis/values`: what is measured elsewhere, pushed here (R54)."""

import difflib
from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from services.api import cursors
from services.api.cursors import KpiPosition
from services.api.errors import Code
from services.api.maps.cache import MapCache, PreparedMap
from services.api.operation import Answer, Body, Call, Operation, json_answer
from services.api.queries import kpis as stored
from services.api.queries.connections import workspace_transaction
from services.api.queries.kpis import Reading
from services.api.schemas import examples
from services.api.schemas import kpis as schemas
from shared.clock import Clock
from shared.keys.principal import Scope

_PATH = "/v1/kpis/values"
_LISTING = "kpi values"
_MAX_BYTES = 1_000_000


class KpiRoutes:
    """Keeps readings and lists them."""

    def __init__(self, engine: AsyncEngine, maps: MapCache, clock: Clock) -> None:
        """`engine` in the api's role; `maps` say which indicators there are."""
        self._engine = engine
        self._maps = maps
        self._clock = clock

    def operations(self) -> list[Operation]:
        """The calls of this resource."""
        return [
            Operation(
                method="POST",
                path=_PATH,
                operation_id="pushKpiValues",
                tag="kpis",
                summary="Push values that are measured elsewhere",
                description=(
                    "For indicators that a map declares at a stage. A value is named by journey,"
                    " stage, indicator, segment and instant: pushed again, the last word counts."
                    " Each has its own verdict; those that are refused keep nobody else out."
                ),
                scope=Scope.KPIS_WRITE,
                handler=self.push,
                body=Body(
                    media_types=("application/json",),
                    max_bytes=_MAX_BYTES,
                    description=f"At most {schemas.MAX_VALUES} values.",
                    schema=schemas.KpiValues,
                    examples={"one": examples.KPI_VALUES},
                ),
                answers=[
                    Answer(
                        status=200,
                        description="What became of each value.",
                        schema=schemas.KpiReceipt,
                        example=examples.KPI_RECEIPT,
                    )
                ],
            ),
            Operation(
                method="GET",
                path=_PATH,
                operation_id="listKpiValues",
                tag="kpis",
                summary="Values that were pushed, newest first",
                description="Filters narrow each other; go on with `next_cursor` until it is null.",
                scope=Scope.STAGES_READ,
                handler=self.list,
                query=schemas.KpiQuery,
                answers=[
                    Answer(
                        status=200,
                        description="A page of values.",
                        schema=schemas.StoredKpiValues,
                        example=examples.STORED_KPI_VALUES,
                    )
                ],
                refusals=[Code.INVALID_CURSOR],
            ),
        ]

    async def push(self, call: Call) -> Response:
        """Keep what the maps know of."""
        sent = call.json(schemas.KpiValues)
        workspace_id = call.principal.workspace_id
        maps = await self._maps.newest(workspace_id)
        kept: list[Reading] = []
        rejected: list[schemas.KpiRejection] = []
        for index, item in enumerate(sent.items):
            found = _reading(item, maps)
            if isinstance(found, Reading):
                kept.append(found)
            else:
                code, detail = found
                rejected.append(schemas.KpiRejection(index=index, code=code, detail=detail))
        if kept:
            async with workspace_transaction(self._engine, workspace_id) as connection:
                await stored.keep(connection, workspace_id, kept, self._clock.now())
        return json_answer(schemas.KpiReceipt(accepted=len(kept), rejected=rejected))

    async def list(self, call: Call) -> Response:
        """A page of values."""
        asked = call.query(schemas.KpiQuery)
        workspace_id = call.principal.workspace_id
        after = (
            cursors.decode(asked.cursor, KpiPosition, _LISTING, asked)
            if asked.cursor is not None
            else None
        )
        filters = stored.Filters(
            journey=asked.journey,
            stage=asked.stage,
            kpi=asked.kpi,
            segment=asked.segment,
            since=asked.since,
        )
        async with workspace_transaction(self._engine, workspace_id) as connection:
            rows = await stored.page(
                connection, workspace_id, filters, after=after, limit=asked.limit + 1
            )
        page = rows[: asked.limit]
        next_cursor = None
        if len(rows) > asked.limit:
            last = page[-1]
            position = KpiPosition(last.at, last.journey, last.stage, last.kpi, last.segment)
            next_cursor = cursors.encode(position, _LISTING, asked)
        items = [schemas.StoredKpiValue.model_validate(dict(row._mapping)) for row in page]  # noqa: SLF001 - SQLAlchemy's public name
        return json_answer(schemas.StoredKpiValues(items=items, next_cursor=next_cursor))


def _reading(item: schemas.KpiValue, maps: Mapping[str, PreparedMap]) -> Reading | tuple[str, str]:
    """The reading under the name that the map has for it, or code and detail of why not."""
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


def _near(sentence: str, word: str, known: Mapping[str, object]) -> str:
    """The sentence with the nearest name there is; the map's word, never the sender's."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"{sentence} Did you mean `{near[0]}`?" if near else sentence
