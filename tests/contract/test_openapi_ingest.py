"""Ingest true to its document, on a real log."""

from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from services.ingest.app import create_app
from services.ingest.document import part
from services.ingest.events.candidate import FIELDS
from services.ingest.events.verdicts import BodyCode
from services.ingest.limits import Limits
from services.ingest.protocols.posthog import document as openapi_posthog
from services.ingest.protocols.segment import document as openapi_segment
from services.ingest.protocols.touchpoints.document import LATER, TOUCHPOINT, touchpoint_schema
from shared.http.openapi import document
from tests.contract.questions import Case, fuzz
from tests.contract.test_openapi import DESCRIBED, answers, examples, operations
from tests.integration.ingest.server import Server, serving, stored

INGEST: dict[str, Any] = document("Stageline ingest", [part(Limits())])

SUCCESS = {200, 202}
ELSEWHERE = {
    "/v1/pixel.gif": {401},
    "/sourceConfig/": {404},
    "/pixel/v1/track": {401},
    "/pixel/v1/page": {401},
    "/v1/webhooks/{provider}/{source_id}": {404},
    "/v1/people/{person}:erase": {403},
    "/v1/people/{person}:merge": {403},
    "/v1/people/{person}:unmerge": {403},
    "/v1/accounts/{account_id}:merge": {403},
    "/v1/accounts/{account_id}:unmerge": {403},
    "/v1/touchpoints/{message_id}": {403},
    "/v1/imports/{import_id}": {403},
}
_EXAMPLES = 5
"""Cases for each call and mode: some 150 together."""


@pytest.fixture
async def server(database_url: str) -> AsyncIterator[Server]:
    async with serving(database_url) as server:
        yield server


@pytest.fixture
async def client(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(server.ingest))
    async with httpx.AsyncClient(
        transport=transport,
        base_url="http://ingest.test",
        headers={"Authorization": f"Bearer {server.write_key}"},
    ) as client:
        yield client


def test_every_field_of_a_touchpoint_is_described() -> None:
    schema = touchpoint_schema()

    assert tuple(schema["properties"]) == FIELDS
    assert all(described["description"] for described in schema["properties"].values())
    assert schema["required"] == ["event"]
    assert schema["additionalProperties"] is False


def test_every_way_to_refuse_a_body_is_shown() -> None:
    shown: defaultdict[str, set[str]] = defaultdict(set)
    for _, _, described in operations(INGEST):
        for status, answer in answers(described):
            if status >= 400:
                (content,) = answer["content"].values()
                shown[described["tags"][0]] |= {each["code"] for each in examples(content)}
    everywhere = {
        "unauthenticated",
        "missing_scope",
        "keys_unavailable",
        "log_unavailable",
        "internal_error",
    }

    assert shown["touchpoints"] >= everywhere | {*BodyCode, "no_event_accepted"} - {"invalid_batch"}
    assert shown["cloudevents"] >= shown["touchpoints"] | {
        "no_cloudevent",
        "invalid_batch",
        "invalid_query",
    }
    assert shown["beacon"] >= shown["touchpoints"] | {"invalid_query"}
    assert shown["segment"] >= everywhere | {*BodyCode}
    assert shown["webhooks"] >= {*BodyCode, "log_unavailable"} - {"invalid_batch"} | {
        "invalid_signature",
        "source_unknown",
        "public_url_unknown",
        "malformed_xml",
        "organization_not_allowed",
    }
    assert shown["retractions"] >= everywhere | {"message_id_ambiguous", "touchpoint_unknown"}
    assert shown["posthog"] >= everywhere | {*BodyCode, "invalid_query"}


async def test_ingest_alone_serves_its_own_part(client: httpx.AsyncClient) -> None:
    answer = await client.get("/openapi.json")

    assert answer.json() == INGEST
    assert answer.json()["paths"].items() <= DESCRIBED["paths"].items()


async def test_every_example_of_the_document_is_accepted(
    client: httpx.AsyncClient, database_url: str
) -> None:
    lines = b"\n".join(map(msgspec.json.encode, (TOUCHPOINT, LATER)))
    several = await client.post("/v1/touchpoints", json=[TOUCHPOINT, LATER])
    as_lines = await client.post("/v1/touchpoints", content=lines)
    calls = [
        await client.post(f"/v1/{call}", json=example)
        for call, example in openapi_segment.EXAMPLES.items()
    ]
    batch = await client.post("/v1/b", json=openapi_segment.BATCH)
    captures = [
        await client.post("/batch/", json=openapi_posthog.BATCH),
        await client.post("/e/", json={**openapi_posthog.EVENT, "uuid": "another"}),
    ]

    assert several.json() == as_lines.json() == {"accepted": 2, "rejected": []}
    assert [answer.status_code for answer in (*calls, batch, *captures)] == [200] * 10
    assert len(await stored(database_url)) == 4 + 7 + 7 + 3


@pytest.mark.timeout(400)  # seconds of pure computing, on a machine that may have others
async def test_no_body_gets_an_undeclared_answer_or_a_fault(
    client: httpx.AsyncClient, server: Server, database_url: str
) -> None:
    def as_generated(_: Case) -> None:
        """Leave the case as it is."""

    statuses = await fuzz(
        INGEST,
        client,
        authorization=lambda _: f"Bearer {server.write_key}",
        examples=_EXAMPLES,
        variants=(as_generated,),
    )

    for _, path, described in operations(INGEST):
        # Where the bearer key does not count, a made-up one or none is shown; no source has a made-up
        # id; a write key may neither erase nor merge nor retract.
        wanted = ELSEWHERE.get(path, SUCCESS)
        assert statuses[described["operationId"]] & wanted, path
    assert await stored(database_url)
