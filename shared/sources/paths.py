"""Paths of a source's settings: which part of an event a rule is about. Pure.

`properties.plan` is the key `plan` of the properties, `properties.card.number` the key `number` inside
`card`. Everything is checked where a setting is written: a path that is mistyped would protect nothing
and look as if it did.
"""

from collections.abc import Collection
from dataclasses import dataclass

OBJECTS = ("properties", "traits", "account_traits", "context")
"""Parts of an event whose keys are the sender's own."""
WORDS = ("thought", "question", "logged_by")
"""Fields in people's own words, or about one who is no customer."""
NAMES = ("email", "user_id", "anonymous_id", "account_id", "logged_by")
"""Fields that name somebody, and are still names once hashed."""


@dataclass(frozen=True, slots=True)
class Path:
    """A field of the event, and the keys that lead on inside it."""

    field: str
    keys: tuple[str, ...] = ()


def to_keep(text: str) -> Path:
    """A path of an allow-list. Raises ValueError with a sentence that repeats nothing."""
    return _parse(text, OBJECTS, fields=())


def to_leave_out(text: str) -> Path:
    """A path of a deny-list. Raises ValueError."""
    return _parse(text, OBJECTS, fields=WORDS)


def to_hash(text: str) -> Path:
    """A path of what is hashed. Raises ValueError."""
    path = _parse(text, OBJECTS, fields=NAMES)
    if path.field in OBJECTS and not path.keys:
        message = f"a path to hash leads to a key, like `{OBJECTS[1]}.phone`"
        raise ValueError(message)
    return path


def _parse(text: str, objects: Collection[str], fields: Collection[str]) -> Path:
    field, *keys = text.split(".")
    if field in fields and not keys:
        return Path(field)
    if field not in objects:
        known = [f"{each}.<key>" for each in objects] + list(fields)
        message = f"a path here is one of {', '.join(known)}"
        raise ValueError(message)
    if any(not key or key != key.strip() for key in keys):
        message = "a path has a key after each dot, without white space around it"
        raise ValueError(message)
    return Path(field, tuple(keys))
