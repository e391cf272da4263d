import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import msgspec
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from jsonschema import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation.modes import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.api.document import published
from services.api.errors import DETAIL, STATUS, Code
from services.api.schemas.examples import MAP
from services.api.schemas.stage import Stage, StageAnswer
from shared.keys.principal import Scope
from tests.conftest import ROOT
from tests.integration.api_world import SHOP, World, api_world

DOCUMENT = ROOT / "docs" / "openapi.json"
DESCRIBED: dict[str, Any] = msgspec.json.decode(DOCUMENT.read_bytes())
PAGE = (ROOT / "docs" / "problems.md").read_text("utf-8")

Case = schemathesis.Case[Any]
_ALERT = "0198f2c4-7d1e-7c3a-9a51-2f6f0c6f1b11"
_KNOWN = {"account_id": "acme", "alert_id": _ALERT, "journey": "sales"}
_ASKED = {
    "/v1/stage": {"account_id": "acme"},
    "/v1/accounts/{account_id}/explain": {"journey": "sales"},
}
_EXAMPLES = 6
"""Cases for each call, mode and kind of id: some 300 together, in about 15 seconds."""

_MAX_URL_CHARS = 60_000
"""Longer ones neither the client here nor a server lets through."""


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
        yield world


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DESCRIBED["paths"].items():
        for method, described in methods.items():
            yield method.upper(), path, described


def resolved(schema: Any) -> Any:
    """The schema with the document's components beside it, so that its references lead somewhere."""
    return {**schema, "components": DESCRIBED["components"]}


def test_the_checked_in_document_is_the_one_that_is_served() -> None:
    assert DOCUMENT.read_text("utf-8") == published(), (
        "run: python -m services.api.document > docs/openapi.json"
    )


def test_every_call_is_named_tagged_scoped_and_described() -> None:
    found = list(operations())
    names = [described["operationId"] for _, _, described in found]

    assert sorted(names) == [
        "acknowledgeAlert",
        "explainAccount",
        "getAccount",
        "getAccountHistory",
        "getAccountTimeline",
        "getJourney",
        "getStage",
        "getStages",
        "listAccounts",
        "listAlerts",
        "listJourneys",
        "publishJourney",
        "resolveAlert",
    ]
    for _, _, described in found:
        assert described["x-scope"] in set(Scope)
        assert described["tags"]
        assert described["summary"]
        assert described["description"]


def test_every_answer_has_an_example_that_fits_its_schema() -> None:
    for _, _, described in operations():
        for answer in described["responses"].values():
            for content in answer.get("content", {}).values():
                examples = [content["example"]] if "example" in content else []
                for reference in content.get("examples", {}).values():
                    name = reference["$ref"].rpartition("/")[2]
                    examples.append(DESCRIBED["components"]["examples"][name]["value"])
                assert examples
                for example in examples:
                    Draft202012Validator(resolved(content["schema"])).validate(example)


def test_every_error_is_declared_as_a_problem() -> None:
    for _, path, described in operations():
        errors = {int(status) for status in described["responses"] if int(status) >= 400}

        assert {401, 403, 500, 503} <= errors
        if "{" in path:
            assert {400, 404} <= errors
        if "requestBody" in described:
            assert {408, 413, 415, 422} <= errors
        for status in errors:
            content = described["responses"][str(status)]["content"]
            assert list(content) == ["application/problem+json"]


def test_every_code_has_a_status_a_sentence_and_a_place_in_the_page_of_problems() -> None:
    for code in Code:
        heading = f"### {code.value.replace('_', '-')}\n"
        before = PAGE[: PAGE.index(heading)]

        assert re.findall(r"^## (\d+)$", before, re.MULTILINE)[-1] == str(STATUS[code])
        assert DETAIL[code].endswith((".", "again"))


def test_the_hot_path_writes_the_fields_that_are_documented() -> None:
    assert list(StageAnswer.__struct_fields__) == list(Stage.model_fields)


async def test_the_document_is_served(world: World) -> None:
    answer = await world.client.get("/openapi.json")

    assert answer.json() == DESCRIBED


async def test_no_question_gets_an_undeclared_answer_or_a_fault(world: World) -> None:
    loop = asyncio.get_running_loop()

    async def ask(prepared: requests.PreparedRequest) -> httpx.Response:
        return await world.client.request(
            prepared.method or "",
            prepared.url or "",
            headers={name: str(value) for name, value in prepared.headers.items()},
            content=prepared.body if isinstance(prepared.body, str | bytes) else None,
        )

    def send(case: Case) -> httpx.Response:
        keywords = case.as_transport_kwargs(base_url="http://api.test")
        prepared = requests.Request(
            **{k: v for k, v in keywords.items() if k not in {"timeout", "verify", "cert"}}
        ).prepare()
        assume(len(prepared.url or "") < _MAX_URL_CHARS)
        prepared.headers["Authorization"] = f"Bearer {world.secret}"
        return asyncio.run_coroutine_threadsafe(ask(prepared), loop).result(timeout=20)

    statuses = await asyncio.to_thread(_fuzz, send)

    # The cases must reach the heart of each call, not only its guards.
    for _, path, described in operations():
        assert statuses[described["operationId"]] & {200, 201}, path


def _fuzz(send: Any) -> dict[str, set[int]]:
    statuses: dict[str, set[int]] = {}
    schema = schemathesis.openapi.from_dict(DESCRIBED)
    for each in schema.get_all_operations():
        assert isinstance(each, Ok)
        operation = each.ok()
        for mode in GenerationMode:
            for known in (False, True):
                _try(operation, mode, send, statuses, known=known)
    return statuses


def _try(
    operation: Any, mode: GenerationMode, send: Any, statuses: dict[str, set[int]], *, known: bool
) -> None:
    seen = statuses.setdefault(operation.definition.raw["operationId"], set())

    @settings(
        max_examples=_EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Case) -> None:
        if known:
            for name in case.path_parameters or ():
                case.path_parameters[name] = _KNOWN[name]
            case.query = _ASKED.get(operation.path, case.query)
            if case.operation.definition.raw["operationId"] == "publishJourney":
                case.body, case.media_type = MAP, "application/json"
        response = send(case)
        seen.add(response.status_code)
        case.validate_response(
            response,
            checks=[
                not_a_server_error,
                status_code_conformance,
                content_type_conformance,
                response_headers_conformance,
                response_schema_conformance,
            ],
        )

    check()
