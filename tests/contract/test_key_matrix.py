"""Every call of the document by every kind of key: each answers what the document declares.

Without a valid key 401, with a key that lacks the scope 403, and neither with the scope; the same code
everywhere. Calls that need no key answer every kind alike.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from services.ingest.app import create_app
from shared.ids import DEFAULT_WORKSPACE
from shared.keys.principal import Scope
from shared.keys.token import KeyKind, parse
from shared.storage import keys
from tests.contract.test_openapi import API, DESCRIBED, answers, examples, operations
from tests.integration.api.world import NOW, World, api_world
from tests.integration.ingest.server import serving
from tests.support.database import owner_transaction

ALERT = "0198f2c4-7d1e-7c3a-9a51-2f6f0c6f1b11"
PATH = {
    "account_id": "acme",
    "alert_id": ALERT,
    "journey": "sales",
    "source_id": "src_website",
    "secret_id": ALERT,
    "key_id": "0123456789ab",
    "person": "email:ann@other.example",
    "provider": "generic",
    "workspace_id": "2",
    "message_id": "m-1",
    "import_id": "import-1",
    "write_key": f"sl_wk_{'0' * 12}_{'0' * 48}",
}
QUERY = {
    "getStage": {"account_id": "acme"},
    "openPixel": {"user_id": "ann"},
    "retractTouchpoint": {"reason": "a test"},
    "retractImport": {"reason": "a test"},
    "rudderPixelTrack": {"event": "A", "userId": "ann"},
    "rudderPixelPage": {"userId": "ann"},
}
INVALID_BODY = b"{"
OF_OPERATORS = frozenset({Scope.WORKSPACES_WRITE})

Answer = tuple[int, str | None]
"""Status, and the code of an error."""

UNAUTHENTICATED: Answer = (401, "unauthenticated")
MISSING_SCOPE: Answer = (403, "missing_scope")
SECRET_IN_ADDRESS: Answer = (403, "secret_key_in_address")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One operation of the document, with what a request to it needs beside the key."""

    name: str
    method: str
    url: str
    query: dict[str, str]
    body: bytes | Any
    scope: Scope | None
    is_keyed_by_query: bool
    declared: frozenset[int]

    @property
    def is_of_api(self) -> bool:
        return any(self.name == each["operationId"] for _, _, each in operations(API))


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """The api and ingest on one database, with a key of every kind."""

    api: httpx.AsyncClient
    ingest: httpx.AsyncClient
    invalid: dict[str, str | None]
    """Name of the kind to a token that authenticates nothing; None: no token at all."""
    holding: dict[str, tuple[str, frozenset[Scope]]]
    """Name of the kind to a valid token and its scopes."""

    async def answer(self, call: Call, token: str | None, body: Any = None) -> httpx.Response:
        query, headers = dict(call.query), {}
        if token is not None and call.is_keyed_by_query:
            query["access_token" if "Pixel" in call.name else "writeKey"] = token
        elif token is not None:
            headers["Authorization"] = f"Bearer {token}"
        body = call.body if body is None else body
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        client = self.api if call.is_of_api else self.ingest
        return await client.request(
            call.method,
            call.url,
            params=query or None,
            headers=headers,
            **(content if body is not None else {}),
        )


def calls() -> Iterator[Call]:
    for method, path, described in operations():
        content = described.get("requestBody", {}).get("content", {})
        body = next((each for kind in content.values() for each in examples(kind)), None)
        ways = [set(way) for way in described["security"]]
        yield Call(
            name=described["operationId"],
            method=method,
            url=path.format(**PATH),
            query=QUERY.get(described["operationId"], {}),
            body=body.encode() if isinstance(body, str) else body,
            scope=Scope(described["x-scope"]) if "x-scope" in described else None,
            is_keyed_by_query={"key"} not in ways and {"keyInQuery"} in ways,
            declared=frozenset(status for status, _ in answers(described)),
        )


CALLS = list(calls())
KEYED = [call for call in CALLS if call.scope is not None]


@pytest.fixture
async def product(database_url: str) -> AsyncIterator[Product]:
    async with api_world(database_url) as world, serving(database_url) as server:
        await _seed(world)
        transport = httpx.ASGITransport(create_app(server.ingest))
        async with httpx.AsyncClient(transport=transport, base_url="http://ingest.test") as ingest:
            single = {
                f"{scope} alone": (await world.key(scope), frozenset({scope})) for scope in Scope
            }
            yield Product(
                api=world.client,
                ingest=ingest,
                invalid={
                    "none": None,
                    "garbage": "nonsense",
                    "unknown": f"sl_sk_{'0' * 12}_{'0' * 48}",
                    "unknown operator": f"sl_ok_{'0' * 12}_{'0' * 48}",
                    "wrong secret": f"{world.write[:-4]}0000",
                    "revoked": await _revoked(database_url),
                },
                holding={
                    "write": (world.write, frozenset({Scope.EVENTS_WRITE})),
                    "secret": (world.secret, frozenset(Scope) - OF_OPERATORS),
                    "operator": (await world.key(*OF_OPERATORS), OF_OPERATORS),
                    **single,
                },
            )


async def _seed(world: World) -> None:
    await world.account("acme")
    await world.touchpoint("acme", "m-1", occurred="02 09:30")
    await world.alert(ALERT, subject_id="acme")
    await world.source(PATH["source_id"])
    await world.bound_key(PATH["source_id"], PATH["key_id"])


async def _revoked(database_url: str) -> str:
    async with owner_transaction(database_url) as connection:
        made = await keys.create(
            connection, workspace_id=DEFAULT_WORKSPACE, kind=KeyKind.WRITE, now=NOW
        )
        await keys.revoke(connection, DEFAULT_WORKSPACE, made.key_id, NOW)
    return made.token


def shown(response: httpx.Response) -> Answer:
    """Status and code, out of a problem, a protocol's own error, or the header of an image."""
    if response.headers.get("content-type") == "image/gif":
        return response.status_code, response.headers.get("x-stageline-error")
    is_json = "json" in response.headers.get("content-type", "") and response.content
    body = response.json() if is_json else None
    return response.status_code, body.get("code") if isinstance(body, dict) else None


async def test_no_call_with_a_scope_answers_without_a_valid_key(product: Product) -> None:
    for call in KEYED:
        for kind, token in product.invalid.items():
            expected = UNAUTHENTICATED
            parsed = parse(token) if token else None
            if call.is_keyed_by_query and parsed and parsed.kind is not KeyKind.WRITE:
                expected = SECRET_IN_ADDRESS

            response = await product.answer(call, token)

            assert shown(response) == expected, (call.name, kind)
            assert expected[0] in call.declared, call.name


async def test_without_a_key_an_invalid_body_is_not_looked_at(product: Product) -> None:
    for call in KEYED:
        if call.body is not None:
            response = await product.answer(call, None, INVALID_BODY)

            assert shown(response) == UNAUTHENTICATED, call.name


async def test_a_call_answers_exactly_the_keys_that_hold_its_scope(product: Product) -> None:
    for call in KEYED:
        for kind, (token, scopes) in product.holding.items():
            response = await product.answer(call, token)

            status, code = shown(response)
            assert status in call.declared, (call.name, kind, status)
            assert status < 500, (call.name, kind)
            if call.is_keyed_by_query and kind != "write":
                assert (status, code) == SECRET_IN_ADDRESS, (call.name, kind)
            elif call.scope not in scopes:
                assert (status, code) == MISSING_SCOPE, (call.name, kind)
            else:
                assert status not in {401, 403}, (call.name, kind, code)


async def test_a_call_without_a_scope_answers_every_kind_of_key_alike(product: Product) -> None:
    tokens = [*product.invalid.values(), *(token for token, _ in product.holding.values())]
    for call in CALLS:
        if call.scope is None:
            got = {shown(await product.answer(call, token)) for token in tokens}

            assert len(got) == 1, (call.name, got)
            assert {status for status, _ in got} <= call.declared, call.name


async def test_an_operator_key_opens_the_calls_on_workspaces_and_no_other(
    product: Product,
) -> None:
    token, _ = product.holding["operator"]

    opened = {
        call.name
        for call in KEYED
        if (await product.answer(call, token)).status_code not in {401, 403}
    }

    assert opened == {"createWorkspace", "listWorkspaces", "renameWorkspace"}


def test_the_matrix_covers_the_whole_document() -> None:
    assert len(CALLS) == sum(len(methods) for methods in DESCRIBED["paths"].values())
    assert {call.scope for call in KEYED} == set(Scope)
