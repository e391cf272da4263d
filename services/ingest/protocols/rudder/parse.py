"""RudderStack's pixel: a call of Segment's form in the parameters of an address. Pure."""

from collections.abc import Mapping
from typing import Any

MAX_DEPTH = 8
"""Most dots in a parameter's name; deeper is no page's address."""


def call(parameters: Mapping[str, str]) -> dict[str, Any]:
    """The call that parameters tell: `context.page.url=x` is `{"context": {"page": {"url": "x"}}}`.

    A name that would put something inside of a text is left out.
    """
    told: dict[str, Any] = {}
    for name, value in parameters.items():
        *path, last = name.split(".", MAX_DEPTH)
        inner = told
        for step in path:
            found = inner.setdefault(step, {})
            if not isinstance(found, dict):
                break
            inner = found
        else:
            inner.setdefault(last, value)
    return told
