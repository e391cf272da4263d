"""A map that is parsed, stored and read again is the same; the only error is MapInvalid."""

import json
from typing import Any

import jsonschema
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.journey.compile import compile_journey
from shared.maps import (
    MapInvalid,
    MapProblem,
    from_definition,
    json_schema,
    lint,
    parse,
    to_journey,
)
from tests.unit.maps.documents import maps

VALIDATOR = jsonschema.Draft202012Validator(json_schema())


@given(maps)
@settings(max_examples=25)
def test_any_map_survives_storing_and_reading(data: dict[str, Any]) -> None:
    document = parse(json.dumps(data))
    stored = json.loads(json.dumps(document.definition()))

    again = from_definition(stored)

    assert again == document
    assert again.definition() == stored
    assert to_journey(again, 1) == to_journey(document, 1)


class _Quoting(yaml.SafeDumper):
    """Puts text in quotes: which bare words are numbers differs between versions of YAML."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's
        return True


_Quoting.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


@given(maps)
@settings(max_examples=25)
def test_any_map_reads_the_same_as_yaml_and_json_and_fits_the_schema(data: dict[str, Any]) -> None:
    document = parse(json.dumps(data, ensure_ascii=False))

    assert parse(yaml.dump(data, Dumper=_Quoting, allow_unicode=True, width=70)) == document
    assert list(VALIDATOR.iter_errors(data)) == []
    assert list(VALIDATOR.iter_errors(document.definition())) == []


@given(maps)
@settings(max_examples=25)
def test_any_map_can_be_linted_and_compiled(data: dict[str, Any]) -> None:
    document = parse(json.dumps(data))

    assert all(each.line is not None for each in lint(document))
    assert compile_journey(to_journey(document, 1)).journey.key == data["journey"]


def refusal_of(text: str | bytes) -> tuple[MapProblem, ...]:
    """Problems of a text, if there are any; any other error is raised."""
    try:
        parse(text)
    except MapInvalid as exc:
        return exc.problems
    return ()


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.just([]), st.just({}),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=5), st.none(), max_size=2),
)  # fmt: skip


@given(maps, JUNK, st.data())
@settings(max_examples=100)
def test_junk_at_any_place_is_refused_at_most(
    data: dict[str, Any], junk: object, choose: st.DataObject
) -> None:
    """The map is either still valid, or refused with places in the text."""
    here: Any = data
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        key = choose.draw(st.sampled_from(keys))
        if not isinstance(here[key], dict | list) or not here[key] or choose.draw(st.booleans()):
            break
        here = here[key]
    here[key] = junk
    text = json.dumps(data)

    assert all(each.line is not None for each in refusal_of(text))


@given(st.one_of(st.text(), st.binary()))
@settings(max_examples=300)
def test_any_text_at_all_is_a_map_or_is_refused(text: str | bytes) -> None:
    refusal_of(text)
