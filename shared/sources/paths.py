"""Paths in the settings of a source: the part of an event that a rule applies to. Pure.

`properties.plan` is the key `plan` of the properties, `properties.card.number` the key `number` inside
`card`. Paths are checked before the settings are stored: a mistyped path would protect nothing without
any sign of it.
"""

from collections.abc import Collection
from dataclasses import dataclass

OBJECTS = ("properties", "traits", "account_traits", "context")
"""Parts of an event with keys of the sender's choice."""
WORDS = ("thought", "question", "logged_by")
"""Free text, and the employee who reported the event."""
NAMES = (
    "email", "user_id", "anonymous_id", "external_id", "account_id", "account_external_id", "logged_by",
)  # fmt: skip
"""Fields that identify a person or account, and still do once hashed."""


@dataclass(frozen=True, slots=True)
class EventPath:
    """A field of the event, and the keys that lead on inside it."""

    field: str
    keys: tuple[str, ...] = ()


def to_keep(text: str) -> EventPath:
    """A path of an allow-list. Raises ValueError; its message repeats nothing of the text."""
    return _parse(text, OBJECTS, fields=())


def to_leave_out(text: str) -> EventPath:
    """A path of a deny-list. Raises ValueError."""
    return _parse(text, OBJECTS, fields=WORDS)


def to_hash(text: str) -> EventPath:
    """A path of the fields to hash. Raises ValueError."""
    path = _parse(text, OBJECTS, fields=NAMES)
    if path.field in OBJECTS and not path.keys:
        message = f"a path to hash leads to a key, like `{OBJECTS[1]}.phone`"
        raise ValueError(message)
    return path


def _parse(text: str, objects: Collection[str], fields: Collection[str]) -> EventPath:
    field, *keys = text.split(".")
    if field in fields and not keys:
        return EventPath(field)
    if field not in objects:
        forms = [f"{each}.<key>" for each in objects] + list(fields)
        message = f"a path here is one of {', '.join(forms)}"
        raise ValueError(message)
    if any(not key or key != key.strip() for key in keys):
        message = "a path has a key after each dot, without white space around it"
        raise ValueError(message)
    return EventPath(field, tuple(keys))
