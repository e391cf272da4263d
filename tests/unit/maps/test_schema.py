"""The published JSON Schema is the one of the code."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from shared.maps import json_schema, parse, templates
from shared.maps.rules import KINDS
from shared.maps.schema import as_text

PUBLISHED = Path(__file__).parents[3] / "docs" / "schemas" / "map.schema.json"


def test_the_published_schema_is_current() -> None:
    current = PUBLISHED.read_text(encoding="utf-8") == as_text()

    assert current, "run: make docs"


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("name", templates.names())
def test_every_ready_map_fits_the_schema(name: str) -> None:
    data = yaml.safe_load(templates.read(name))

    jsonschema.validate(data, json_schema())


@pytest.mark.parametrize(
    "wrong",
    [
        {"journey": "a", "title": "A", "subject": "account", "stages": []},
        {"journey": "a", "title": "A", "subject": "company"},
        {"journey": "A B", "title": "A", "subject": "account"},
    ],
)
def test_the_schema_refuses_what_the_parser_refuses(wrong: dict[str, object]) -> None:
    stages = [{"key": "a", "title": "A"}, {"key": "b", "title": "B", "enter": {"event": "X"}}]
    validator = jsonschema.Draft202012Validator(json_schema())

    assert not validator.is_valid({"stages": stages} | wrong)


@pytest.mark.parametrize(
    "enter",
    [
        {"event": "X", "within": 14},
        {"event": "X", "within": "14 days"},
        {"event": "X", "count": 0},
        {"evnt": "X"},
        {"event": "X", "milestone": "m"},
        {"any": []},
        "X",
    ],
)
def test_the_schema_refuses_conditions_that_are_none(enter: object) -> None:
    stages = [{"key": "a", "title": "A"}, {"key": "b", "title": "B", "enter": enter}]
    data = {"journey": "a", "title": "A", "subject": "account", "stages": stages}
    validator = jsonschema.Draft202012Validator(json_schema())

    assert not validator.is_valid(data)


def test_the_map_that_the_documentation_shows_is_sound() -> None:
    page = PUBLISHED.parents[1].joinpath("maps.md").read_text(encoding="utf-8")
    shown = page.split("```yaml\n")[1].split("```")[0]

    assert parse(shown).journey == "trial"


def test_the_documentation_lists_every_ready_map_and_every_condition() -> None:
    page = PUBLISHED.parents[1].joinpath("maps.md").read_text(encoding="utf-8")

    assert [name for name in templates.names() if f"| `{name}` |" not in page] == []
    assert [kind for kind in KINDS if f"{{{kind}: " not in page] == []
