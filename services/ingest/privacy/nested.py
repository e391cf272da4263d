"""Removes, keeps or replaces parts of nested data. Pure: arguments are never changed.

A key may hold dots: the path `card.number` matches the key `number` inside `card` as well as a key spelled
`card.number`. Lists on the way are walked. All functions raise RecursionError for deep nesting.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Keys = tuple[str, ...]
Change = Callable[[str], str]
JsonValue = Any

_GONE = object()


def without(value: JsonValue, keys: Keys) -> JsonValue:
    """`value` without the part at `keys`; the same object where there is none."""
    if not keys:
        return _GONE
    return _inside(value, keys, without)


def only(value: JsonValue, kept: Sequence[Keys]) -> JsonValue:
    """The parts of an object or list at the paths `kept`; an empty path keeps it whole."""
    if not all(kept):
        return value
    if isinstance(value, list):
        return [only(item, kept) for item in value if isinstance(item, dict | list)]
    if not isinstance(value, dict):
        return _GONE
    by_key: dict[str, list[Keys]] = {}
    for keys in kept:
        for key, rest in _readings(value, keys):
            by_key.setdefault(key, []).append(rest)
    inner = {key: only(value[key], rests) for key, rests in by_key.items()}
    return {key: part for key, part in inner.items() if part is not _GONE}


def replaced(value: JsonValue, keys: Keys, change: Change) -> JsonValue:
    """`value` with `change` applied to every text and number at `keys`."""
    if not keys:
        return rewritten(value, change, numbers=True)
    return _inside(value, keys, lambda part, rest: replaced(part, rest, change))


def rewritten(
    value: JsonValue, change: Change, *, numbers: bool = False, keys: bool = False
) -> JsonValue:
    """`value` with `change` applied to every text; on request to `numbers` and to the `keys` of objects."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        fields = {
            change(key) if keys else key: rewritten(part, change, numbers=numbers, keys=keys)
            for key, part in value.items()
        }
        same = len(fields) == len(value) and all(
            fields.get(key, _GONE) is part for key, part in value.items()
        )
        return value if same else fields
    if isinstance(value, list):
        return _items(value, lambda item: rewritten(item, change, numbers=numbers, keys=keys))
    if numbers and isinstance(value, int | float) and not isinstance(value, bool):
        return change(str(value))
    return value


def _inside(
    value: JsonValue, keys: Keys, change: Callable[[JsonValue, Keys], JsonValue]
) -> JsonValue:
    """`value` with `change` applied to each part that a prefix of `keys` matches, and the remaining keys."""
    if isinstance(value, list):
        return _items(value, lambda item: _inside(item, keys, change))
    if not isinstance(value, dict):
        return value
    changed = value
    for key, rest in _readings(value, keys):
        part = change(value[key], rest)
        if part is value[key]:
            continue
        if changed is value:
            changed = dict(value)
        if part is _GONE:
            del changed[key]
        else:
            changed[key] = part
    return changed


def _items(value: list[JsonValue], change: Callable[[JsonValue], JsonValue]) -> list[JsonValue]:
    items = [change(item) for item in value]
    return value if all(map(_is, items, value)) else items


def _is(one: object, other: object) -> bool:
    return one is other


def _readings(value: Mapping[str, JsonValue], keys: Keys) -> Iterator[tuple[str, Keys]]:
    """Every key of `value` that equals a prefix of `keys` joined by dots, and the remaining keys."""
    for count in range(1, len(keys) + 1):
        key = ".".join(keys[:count])
        if key in value:
            yield key, keys[count:]
