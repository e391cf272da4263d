"""Every string of a JSON value is visited, however deep it nests."""

from typing import Any

from shared.json_values import strings


def test_strings_are_those_of_keys_items_and_fields() -> None:
    value = {"a": ["b", 1, {"c": "d"}], "e": None, "f": True}

    assert sorted(strings(value)) == ["a", "b", "c", "d", "e", "f"]


def test_depth_is_no_limit() -> None:
    value: Any = "x"
    for _ in range(100_000):
        value = [value]

    assert list(strings(value)) == ["x"]
