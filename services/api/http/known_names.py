"""Names that a request may use at one place, for a hint beside the refusal of another one. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel

from shared.wording import nearest


def unknown_name(model: type[BaseModel] | None, location: Sequence[str | int]) -> str:
    """Detail for an unknown name, which is the last step of `location` within `model`.

    It names a known one that resembles it, else all of them; never the name that was sent.
    """
    *place, name = location
    names = _names_at(model, place)
    if (near := nearest(str(name).lower(), names)) is not None:
        return f"something here is not known to this call: did you mean `{near}`?"
    there_are = f"; there are: {', '.join(names)}" if names else ""
    return f"something here is not known to this call{there_are}"


def _names_at(model: type[BaseModel] | None, place: Sequence[str | int]) -> tuple[str, ...]:
    for step in place:
        # A position within a list leads to no other model than the list's name does.
        if model is None or isinstance(step, int):
            continue
        field = model.model_fields.get(step)
        model = next(_models_in(field.annotation), None) if field else None
    return tuple(model.model_fields) if model is not None else ()


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - any annotation
    """Models of a type, also within a list, an optional or an annotated one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
