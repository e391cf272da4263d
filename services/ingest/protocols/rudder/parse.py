"""RudderStack's pixel: a call of Segment's form in query parameters. Pure."""

from collections.abc import Mapping
from typing import Any

MAX_DEPTH = 8
"""Most dots in the name of a parameter."""


def call(parameters: Mapping[str, str]) -> dict[str, Any]:
    """The call of these parameters: `context.page.url=x` is `{"context": {"page": {"url": "x"}}}`.

    A parameter whose name leads into a text is ignored.
    """
    fields: dict[str, Any] = {}
    for name, value in parameters.items():
        *path, last = name.split(".", MAX_DEPTH)
        inner = fields
        for step in path:
            child = inner.setdefault(step, {})
            if not isinstance(child, dict):
                break
            inner = child
        else:
            inner.setdefault(last, value)
    return fields
