"""Messages for pydantic's validation errors, at their place in the text."""

from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from shared.maps.document import MapDocument
from shared.maps.problems import MapProblem, Path, Positions, did_you_mean, excerpt
from shared.maps.rules import KINDS, RuleModel, model_of

_OTHER_WORDS = {
    "name": "title",
    "label": "title",
    "id": "key",
    "version": None,
    "condition": "when",
    "rule": "when",
    "stall": "stall_after",
    "timeout": "stall_after",
    "steps": "stages",
    "phases": "stages",
    "stage": "to",
    "events": "event",
    "properties": "where",
    "times": "count",
    "window": "within",
}
"""Keys that authors commonly write instead of the right one; None: there is no such key."""

_TYPES: dict[str, tuple[str, str | None]] = {
    "string_type": ("must be text", "put it in quotes"),
    "int_type": ("must be a whole number", "write digits, without unit and quotes"),
    "int_from_float": ("must be a whole number", None),
    "float_type": ("must be a number", "write digits, without unit and quotes"),
    "finite_number": ("must be a finite number", None),
    "bool_type": ("must be true or false", "write true or false, without quotes"),
    "list_type": ("must be a list", "begin each item with `- `, or write [a, b]"),
    "dict_type": ("must be a mapping", "write `key: value` lines"),
    "model_type": ("must be a mapping", "write `key: value` lines"),
    "model_attributes_type": ("must be a mapping", "write `key: value` lines"),
    "string_too_short": ("is empty", None),
    "recursion_loop": ("contains itself", None),
}
_PYDANTICS_KEY = "[key]"
"""Last step of an error's place when the key itself is invalid."""

_NO_VALUE = ("has no value", "give it one, or remove the key")
_LIMITS = {
    "string_too_long": "longer than {max_length} characters",
    "too_short": "needs at least {min_length} of them",
    "too_long": "takes at most {max_length} of them",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}
_HINTS_FOR_MISSING = {
    "subject": "add `subject: account`, or `person` where people buy for themselves",
    "journey": "add the key that the journey is known by, as in `journey: b2b-core-5`",
    "title": "add the name that people read, as in `title: Evaluation`",
    "stages": "add a list of at least two stages",
    "when": "add the condition, as in `when: {event: Deal Lost}`",
    "key": "add a short key, as in `key: evaluation`",
    "event": "name the event, as in `event: Demo Requested`",
    "to": "name the stage that it leads to",
    "from": "name the stages that it leads from, as in `from: [growth]`",
    "of": "say whose trait: `of: account` or `of: person`",
    "for": "say how long: `for: 7d`",
    "kind": "add `kind: won`, `lost` or `churned`",
}
_PATTERNS: dict[str, tuple[str, str | None]] = {
    "^[a-z0-9][a-z0-9-]{0,62}$": (
        "not a journey key",
        "lower-case letters, digits and dashes, at most 63, as in `b2b-core-5`",
    ),
    "^[a-z][a-z0-9_]{0,62}$": (
        "not a key",
        "a lower-case letter, then letters, digits and underscores, at most 63",
    ),
}


def problems_of(
    errors: Iterable[ErrorDetails], positions: Positions, data: object
) -> list[MapProblem]:
    """A problem for each error of one validation of `data`."""
    return [_problem(error, positions, data) for error in errors]


def _problem(error: ErrorDetails, positions: Positions, data: object) -> MapProblem:
    path = _path_of(error["loc"], data)
    match error["type"]:
        case "extra_forbidden":
            return _unknown_key(error["loc"], path, positions)
        case "missing":
            key = str(error["loc"][-1])
            message = f"`{excerpt(key)}` is missing"
            return positions.problem(path, message, _HINTS_FOR_MISSING.get(key))
        case "union_tag_not_found":
            return _no_condition(error["input"], path, positions)
        case kind:
            message, hint = _words_for(kind, error, error.get("ctx", {}))
            is_key = error["loc"][-1] == _PYDANTICS_KEY
            return positions.problem(path, message, hint, key=is_key)


def _words_for(
    kind: str, error: ErrorDetails, context: Mapping[str, Any]
) -> tuple[str, str | None]:
    """Message and hint for an invalid value."""
    if kind in _TYPES:
        return _NO_VALUE if error["input"] is None else _TYPES[kind]
    if kind in _LIMITS:
        return _LIMITS[kind].format_map(context), None
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(context["pattern"], ("not in the wanted form", None))
    if kind == "literal_error":
        value, permitted = error["input"], _literals(context["expected"])
        hint = did_you_mean(value, permitted) if isinstance(value, str) else None
        return f"must be one of {', '.join(permitted)}", hint
    # Messages of the validators in values.py; pydantic's other messages might contain the value itself.
    return context.get("message", "not in the wanted form"), context.get("hint")


def _literals(expected: str) -> list[str]:
    return [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]


def _path_of(location: tuple[int | str, ...], data: object) -> Path:
    """The path in the author's text: without pydantic's tags and without parts implied by a short form."""
    path: list[str | int] = []
    here = data
    for part in location:
        if model_of(part) is not None and not _has_step(here, part):
            continue
        if part == _PYDANTICS_KEY and not _has_step(here, part):
            continue
        path.append(part)
        if _has_step(here, part):
            here = here[part]  # type: ignore[index] # _has_step has checked
        elif not isinstance(here, dict):
            # `in_stage: 7x` is short for a mapping that is not in the text.
            path.pop()
    return tuple(path)


def _has_step(here: object, part: str | int) -> bool:
    if isinstance(here, dict):
        return part in here
    return isinstance(here, list) and isinstance(part, int) and part < len(here)


def _unknown_key(location: tuple[int | str, ...], path: Path, positions: Positions) -> MapProblem:
    key = str(path[-1])
    model = _model_at(location[:-1])
    permitted = sorted(field.alias or name for name, field in model.model_fields.items())
    message = f"`{excerpt(key)}` is not a key that belongs here"
    if issubclass(model, RuleModel) and key in KINDS:
        message = "a condition asks for one thing"
        hint: str | None = "put both under `all:` or `any:`, as a list"
    elif key in _OTHER_WORDS:
        other = _OTHER_WORDS[key]
        hint = f"did you mean `{other}`?" if other in permitted else did_you_mean(key, permitted)
        if key == "version":
            hint = "publishing gives the version; remove it"
    else:
        hint = did_you_mean(key, permitted)
    return positions.problem(path, message, hint, key=True)


def _no_condition(value: object, path: Path, positions: Positions) -> MapProblem:
    if isinstance(value, str):
        hint: str | None = "name an event as `{event: Demo Requested}`"
    elif isinstance(value, list):
        hint = "put the list under `all:` or `any:`"
    elif isinstance(value, dict) and value:
        key = str(next(iter(value)))
        hint = did_you_mean(key, KINDS)
    else:
        hint = did_you_mean("", KINDS)
    return positions.problem(path, "this is not a condition", hint)


def _model_at(location: tuple[int | str, ...]) -> type[BaseModel]:
    """The model that defines the keys at the place of an error."""
    model: type[BaseModel] = MapDocument
    is_key_of_dict = False
    for part in location:
        if isinstance(part, int):
            continue
        if is_key_of_dict:
            is_key_of_dict = False
            continue
        kind = model_of(part)
        if kind is not None:
            model = kind
            continue
        field = next(
            (f for name, f in model.model_fields.items() if (f.alias or name) == part), None
        )
        if field is None:
            continue
        is_key_of_dict = _is_dict(field.annotation)
        model = _model_in(field.annotation) or model
    return model


def _is_dict(annotation: Any) -> bool:  # noqa: ANN401 - annotations have no common type
    if get_origin(annotation) in (Union, UnionType):
        return any(_is_dict(inner) for inner in get_args(annotation))
    return get_origin(annotation) is dict


def _model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - the same
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(
        (model for inner in get_args(annotation) if (model := _model_in(inner)) is not None), None
    )
