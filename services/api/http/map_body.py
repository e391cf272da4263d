"""The body of a request that holds a map: its form, and how it is read."""

import asyncio
import re

from fastapi import Request

from services.api.errors import Code, RequestRefused
from services.api.http.limits import media_type, stored_text, too_large
from services.api.http.routing import RequestBody
from services.api.schemas import journeys as schemas
from shared.http.problem import FieldProblem
from shared.maps import MapDocument, MapInvalid, MapProblem, parse

_MAX_MAP_BYTES = 524_288
"""Largest value of the setting `max_map_bytes`, and its default."""

_YAML, _JSON = "application/yaml", "application/json"

_MEDIA_TYPES = frozenset(
    {_YAML, _JSON, "", "text/yaml", "application/x-yaml", "text/x-yaml", "text/plain"}
)

MAP_BODY = RequestBody(
    max_bytes=_MAX_MAP_BYTES,
    description="The map; see docs/maps.md and the published JSON Schema.",
    content={
        _YAML: {"schema": {"type": "string"}, "example": schemas.MAP_YAML_EXAMPLE},
        _JSON: {"schema": {"type": "object"}, "example": schemas.MAP_EXAMPLE},
    },
)


async def read_map(request: Request, *, max_bytes: int) -> tuple[MapDocument, str]:
    """The map of a request, and its text. Raises RequestRefused."""
    text = await _map_text(request, max_bytes=max_bytes)
    try:
        # Reading a large map takes longer than the event loop may be held.
        return await asyncio.to_thread(parse, text), text
    except MapInvalid as exc:
        raise RequestRefused(
            Code.MAP_INVALID, errors=[_problem(problem) for problem in exc.problems]
        ) from exc


async def _map_text(request: Request, *, max_bytes: int) -> str:
    """Body of a request to publish. Raises RequestRefused."""
    body = await request.body()
    if len(body) > max_bytes:
        raise too_large(max_bytes)
    if media_type(request.headers.get("content-type")) not in _MEDIA_TYPES:
        raise RequestRefused(Code.UNSUPPORTED_MEDIA_TYPE)
    text = stored_text(body)
    if text is None:
        raise RequestRefused(Code.MAP_INVALID, "The map is not UTF-8 text without NUL.")
    return text


def _problem(problem: MapProblem) -> FieldProblem:
    pointer = "".join(f"/{step}" for step in re.split(r"[.\[\]]+", problem.path) if step)
    place = "" if problem.line is None else f"line {problem.line}, column {problem.column}: "
    hint = f" ({problem.hint})" if problem.hint else ""
    return FieldProblem(pointer=pointer, detail=f"{place}{problem.message}{hint}")
