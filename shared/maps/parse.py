"""Parsing: text or a stored definition to a checked document."""

from pydantic import ValidationError

from shared.maps import source
from shared.maps.document import MapDocument
from shared.maps.messages import problems_of
from shared.maps.problems import MapInvalid, MapProblem, Positions
from shared.maps.references import problems_in


def parse(text: str | bytes) -> MapDocument:
    """Read a map written in YAML or JSON.

    Raises MapInvalid with all problems, each with line and column. Cost: linear in
    the text, which may have 512 KiB; a map of 300 lines takes about 10 ms.
    """
    read = source.read(text)
    return _document(read.data, read.positions, read.problems)


def from_definition(definition: object) -> MapDocument:
    """Read a map from what `MapDocument.definition` gave, or from any plain data of that shape.

    Raises MapInvalid; its problems have places within the map, but no lines.
    """
    return _document(definition, Positions(), [])


def _document(data: object, positions: Positions, earlier: list[MapProblem]) -> MapDocument:
    if not isinstance(data, dict):
        message, hint = "a map is made of `key: value` lines", "begin with `journey:`"
        raise MapInvalid([*earlier, positions.problem((), message, hint)])
    try:
        document = MapDocument.model_validate(data)
    except ValidationError as exc:
        errors = exc.errors(include_url=False)[: source.MAX_PROBLEMS]
        # One problem a place: the reader has already reported some values.
        reported = {problem.path for problem in earlier}
        more = [p for p in problems_of(errors, positions, data) if p.path not in reported]
        raise MapInvalid([*earlier, *more]) from None
    document.locate(positions)
    problems = [*earlier, *problems_in(document)]
    if problems:
        raise MapInvalid(problems[: source.MAX_PROBLEMS])
    return document
