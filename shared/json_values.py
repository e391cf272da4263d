"""Decoded JSON as plain Python values. Pure."""

from collections.abc import Iterator
from typing import Any


def strings(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Every string in `value`, keys of objects included, in no certain order. Without recursion."""
    pending: list[Any] = [value]
    while pending:
        match pending.pop():
            case str() as text:
                yield text
            case dict() as fields:
                pending += fields.keys()
                pending += fields.values()
            case list() as items:
                pending += items
            case _:
                pass
