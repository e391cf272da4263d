"""The document of the product: well formed, true to the code, and the api true to it."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from services.api.document import part
from services.api.errors import DETAIL, STATUS, Code
from services.api.schemas.journeys import MAP_EXAMPLE
from services.api.schemas.stage import Stage, StageAnswer
from services.standalone.document import published
from shared.http.openapi import Json, Part, document
from shared.http.problem import TYPE
from shared.keys.principal import Scope
from tests.conftest import ROOT
from tests.contract.questions import Case, fuzz
from tests.integration.api.world import SHOP, World, api_world

DOCUMENT = ROOT / "docs" / "openapi.json"
DESCRIBED: dict[str, Any] = msgspec.json.decode(DOCUMENT.read_bytes())
API: dict[str, Any] = document("Stageline API", [part()])

_ALERT = "0198f2c4-7d1e-7c3a-9a51-2f6f0c6f1b11"
_EXISTING = {
    "account_id": "acme",
    "alert_id": _ALERT,
    "journey": "sales",
    "source_id": "src_website",
    "secret_id": _ALERT,
    "key_id": "0123456789ab",
    "person": "email:ann@other.example",
    "workspace_id": "2",
}
_QUERIES = {
    "/v1/stage": {"account_id": "acme"},
    "/v1/accounts/{account_id}/explain": {"journey": "sales"},
}
_PROVIDER = "src_provider"
_OF_PROVIDER = {"addSourceSecret", "endSourceSecret"}
"""Calls that a source with keys has no use for."""
_EXAMPLES = 6
"""Cases for each call, mode and kind of id: some 300 together, in about 15 seconds."""


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with api_world(database_url) as world:
        await world.publish(SHOP)
        await world.account("acme")
        await world.name("user:leah", subject_id="acme", parent="acme")
        await world.member("acme", "user:leah", role="champion")
        await world.touchpoint("acme", "m-1", occurred="02 09:30", event="Demo Requested")
        await world.transition(
            "acme",
            1,
            kind="enter",
            occurred="02 09:30",
            from_stage=None,
            to_stage="evaluation",
            dwell_seconds=None,
            message_id="m-1",
            event="Demo Requested",
        )
        await world.alert(_ALERT)
        await world.source(_EXISTING["source_id"])
        await world.source(_PROVIDER, kind="generic")
        await world.source_secret(_PROVIDER, _ALERT)
        await world.bound_key(_EXISTING["source_id"], _EXISTING["key_id"])
        yield world


def operations(described: Json = DESCRIBED) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def answers(operation: Json) -> Iterator[tuple[int, dict[str, Any]]]:
    for status, answer in operation["responses"].items():
        name = answer.get("$ref", "").rpartition("/")[2]
        yield int(status), DESCRIBED["components"]["responses"][name] if name else answer


def examples(content: Json) -> Iterator[Any]:
    if "example" in content:
        yield content["example"]
    for example in content.get("examples", {}).values():
        name = example.get("$ref", "").rpartition("/")[2]
        yield (DESCRIBED["components"]["examples"][name] if name else example)["value"]


def resolved(schema: Any) -> Any:
    """The schema with the document's components beside it, so that its references lead somewhere."""
    return {**schema, "components": DESCRIBED["components"]}


PROBLEM = "application/problem+json"
FOREIGN = {
    "segment": {"application/json"},
    "posthog": {"application/json"},
    "rudderstack": {"application/json", "image/gif", PROBLEM},
    "pixel": {"image/gif"},
}
"""Tags of calls whose errors have the form of their protocol, and its media types."""


def shows_a_key(described: Json) -> bool:
    """Whether a call needs an API key: a webhook is signed, and browsers fetch settings before."""
    return described["tags"][0] not in {"browser", "webhooks"} and "x-scope" in described


def test_the_checked_in_document_is_the_one_that_the_code_makes() -> None:
    assert DOCUMENT.read_text("utf-8") == published(), "run `make docs`"


def test_every_call_is_named_tagged_scoped_and_described() -> None:
    calls = list(operations())
    names = [described["operationId"] for _, _, described in calls]

    assert all(re.fullmatch("[a-z][A-Za-z]+", name) for name in names)
    assert len(set(names)) == len(names)
    tags = {tag["name"] for tag in DESCRIBED["tags"]}
    for _, _, described in calls:
        scopes = {described["x-scope"]} if shows_a_key(described) else set()
        assert scopes <= set(Scope)
        # A call without a key must be declared as one.
        assert scopes or {} in described["security"]
        assert set(described["tags"]) <= tags
        assert described["summary"]
        assert described["description"]
        for way in described["security"]:
            assert way.keys() <= DESCRIBED["components"]["securitySchemes"].keys()


def test_every_example_fits_its_schema() -> None:
    for _, _, described in operations():
        for answer in [described.get("requestBody", {}), *dict(answers(described)).values()]:
            for content in answer.get("content", {}).values():
                shown = list(examples(content))
                assert shown or content["schema"].get("format") == "binary"
                for example in shown:
                    Draft202012Validator(resolved(content["schema"])).validate(example)


def test_every_error_is_declared_in_the_form_of_its_call() -> None:
    for _, path, described in operations():
        errors = {status: answer for status, answer in answers(described) if status >= 400}
        tag = described["tags"][0]

        keyed = shows_a_key(described)

        assert not keyed or {401, 403, 503} <= errors.keys()
        assert 500 in errors
        if "{" in path and keyed:
            assert 400 in errors
        if "requestBody" in described and tag != "browser":
            by_event = set() if tag in FOREIGN or tag == "webhooks" else {422}
            assert {408, 415} | by_event <= errors.keys()
        forms = FOREIGN.get(tag, {PROBLEM})
        for status, answer in errors.items():
            (media_type,) = answer["content"]
            # What failed in the outermost frame does not know whose form to take.
            assert media_type in forms or (status == 500 and media_type == PROBLEM)
            for example in examples(answer["content"][media_type]):
                if media_type == PROBLEM:
                    assert example["status"] == status
                    assert example["type"] == TYPE


def test_every_code_of_the_api_has_a_status_and_a_sentence() -> None:
    for code in Code:
        assert 400 <= STATUS[code] < 600
        assert DETAIL[code].endswith((".", "again"))


def test_parts_that_contradict_each_other_make_no_document() -> None:
    one = Part(description="", tags={}, paths={"/": {"get": {}}}, schemas={})
    other = Part(description="", tags={}, paths={"/": {"post": {}}}, schemas={})

    with pytest.raises(ValueError, match="different things by /"):
        document("Both", [one, other])


def test_the_hot_path_writes_the_fields_that_are_documented() -> None:
    assert list(StageAnswer.__struct_fields__) == list(Stage.model_fields)


async def test_the_api_alone_serves_its_own_part(world: World) -> None:
    answer = await world.client.get("/openapi.json")

    assert answer.json() == API


@pytest.mark.timeout(400)  # seconds of pure computing, on a machine that may have others
async def test_no_question_gets_an_undeclared_answer_or_a_fault(world: World) -> None:
    operator = await world.key(Scope.WORKSPACES_WRITE)

    def is_of_operators(case: Case) -> bool:
        return bool(case.operation.definition.raw["x-scope"] == Scope.WORKSPACES_WRITE)

    def with_existing_ids(case: Case) -> None:
        for name in case.path_parameters or ():
            case.path_parameters[name] = _EXISTING[name]
        if case.operation.definition.raw["operationId"] in _OF_PROVIDER:
            case.path_parameters["source_id"] = _PROVIDER
        case.query = _QUERIES.get(case.operation.path, case.query)
        if case.operation.definition.raw["operationId"] == "publishJourney":
            case.body, case.media_type = MAP_EXAMPLE, "application/json"

    statuses = await fuzz(
        API,
        world.client,
        authorization=lambda case: f"Bearer {operator if is_of_operators(case) else world.secret}",
        examples=_EXAMPLES,
        variants=(lambda _: None, with_existing_ids),
    )

    # The cases must reach the heart of each call, not only its guards.
    for _, path, described in operations(API):
        assert statuses[described["operationId"]] & {200, 201, 204}, path
