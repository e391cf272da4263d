"""Routes of a made-up router in the api's application: no database is reached."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Path, Query
from prometheus_client import CollectorRegistry
from pydantic import Field, SecretStr, field_validator
from starlette.routing import BaseRoute

from services.api.app import build
from services.api.dependencies import DECODED, Caller
from services.api.errors import Code
from services.api.http.problems import HANDLERS
from services.api.http.routing import RequestBody, ScopedRoute, ScopedRouter
from services.api.routes import ROUTERS
from services.api.schemas.base import RequestModel, ResponseModel
from services.api.settings import ApiSettings
from shared.clock import ManualClock
from shared.errors import DatabaseUnavailable
from shared.http.observe import Observe
from shared.http.raw_path import RawPath
from shared.ids import DEFAULT_WORKSPACE
from shared.keys.cache import KeyCache
from shared.keys.principal import Scope, StoredKey
from shared.keys.token import KeyKind, generate
from shared.telemetry.metrics import Metrics

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = generate(KeyKind.SECRET)


class ThingsQuery(RequestModel):
    limit: int = Field(default=50, ge=1, le=200)
    name: str = ""

    @field_validator("name")
    @classmethod
    def _is_good(cls, value: str) -> str:
        if value == "bad":
            message = "this is not a good name"
            raise ValueError(message)
        return value


class Thing(RequestModel):
    parts: list[int] = Field(min_length=1)
    labels: dict[str, str] = Field(default_factory=dict)


class Answer(ResponseModel):
    value: str


router = ScopedRouter(prefix="/things", tags=["things"])


@router.get(
    "/{thing_id:encoded}/parts",
    operation_id="listParts",
    scope=Scope.STAGES_READ,
    refusals=[],
    summary="",
    response_description="",
)
async def list_parts(
    thing_id: Annotated[str, Path(min_length=1), DECODED],
    query: Annotated[ThingsQuery, Query()],
    caller: Caller,
) -> Answer:
    """Parts."""
    return Answer(value=f"{caller.key_id == KEY.key_id} {thing_id} {query.limit} {query.name}")


@router.post(
    "/{thing_id:encoded}",
    operation_id="changeThing",
    scope=Scope.MAPS_WRITE,
    refusals=[Code.LIMIT_REACHED],
    summary="",
    response_description="",
    body=RequestBody(max_bytes=64, description="A thing.", example={"parts": [1]}),
)
async def change_thing(
    thing_id: Annotated[str, Path(min_length=1), DECODED], thing: Thing
) -> Answer:
    """Change."""
    return Answer(value=f"{thing_id} {sum(thing.parts)}")


@router.get(
    "/{thing_id:encoded}/state",
    operation_id="getState",
    scope=Scope.STAGES_READ,
    refusals=[],
    summary="",
    response_description="",
)
async def get_state(thing_id: Annotated[str, Path(min_length=1), DECODED]) -> Answer:
    """A state that cannot be read."""
    if thing_id == "unavailable":
        raise DatabaseUnavailable("away") from OSError("away")
    raise ValueError(thing_id)


async def keys() -> list[StoredKey]:
    return [
        StoredKey(
            workspace_id=DEFAULT_WORKSPACE,
            key_id=KEY.key_id,
            kind=KeyKind.SECRET,
            scopes=frozenset({Scope.STAGES_READ, Scope.MAPS_WRITE}),
            secret_hash=KEY.secret_hash,
            label="",
            created_at=NOW,
            expires_at=None,
            revoked_at=None,
        )
    ]


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    clock = ManualClock(NOW)
    app = FastAPI(exception_handlers=HANDLERS, redirect_slashes=False)
    app.state.context = build(
        ApiSettings(database_url=SecretStr("postgresql://nowhere.invalid/none")),
        keys=KeyCache(keys, clock),
        clock=clock,
        metrics=Metrics(CollectorRegistry()),
    )
    app.include_router(router)
    app.add_middleware(RawPath)
    app.add_middleware(Observe, service="api", metrics=app.state.context.metrics)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://api.test",
        headers={"Authorization": f"Bearer {KEY.token}"},
    ) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/things/a/parts", "True a 50 "),
        ("/things/a%2Fb%20c/parts?limit=7", "True a/b c 7 "),
        ("/things/a/b/parts", "True a/b 50 "),
        ("/things/%C3%A4%253A/parts?name=x+y%2B", "True ä%3A 50 x y+"),
        ("/things/a%3Ab/parts?name=%C3%A4", "True a:b 50 ä"),
    ],
)
async def test_an_id_in_a_path_may_hold_anything(
    client: httpx.AsyncClient, path: str, expected: str
) -> None:
    answer = await client.get(path)

    assert (answer.status_code, answer.json()) == (200, {"value": expected})
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("query", "pointer", "detail"),
    [
        ("limit=0", "/query/limit", "Input should be greater than or equal to 1"),
        (
            "limit=word",
            "/query/limit",
            "Input should be a valid integer, unable to parse string as an integer",
        ),
        ("name=bad", "/query/name", "this is not a good name"),
        (
            "limti=5",
            "/query",
            "something here is not known to this call: did you mean `limit`?",
        ),
        (
            "secret=word",
            "/query",
            "something here is not known to this call; there are: limit, name",
        ),
    ],
)
async def test_a_wrong_parameter_is_pointed_at_and_not_repeated(
    client: httpx.AsyncClient, query: str, pointer: str, detail: str
) -> None:
    answer = await client.get(f"/things/a/parts?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert answer.json()["errors"] == [{"pointer": pointer, "detail": detail}]


@pytest.mark.parametrize("path", ["/things/%FF/parts?limit=0", "/things/a%00/parts"])
async def test_a_path_that_could_not_be_stored_is_refused_before_the_query(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_path")


@pytest.mark.parametrize("query", ["limit=1&limit=1", "name=%00", "name=%FF", "x=1&x=2"])
async def test_an_ambiguous_query_is_refused(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/things/a/parts?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", (400, "invalid_json", [])),
        (b"{", (400, "invalid_json", [])),
        (b'{"parts": ["\\ud800"]}', (400, "invalid_json", [])),
        (b"null", (422, "invalid_body", [("", "Input should be an object")])),
        (b"[]", (422, "invalid_body", [("", "Input should be an object")])),
        (b"{}", (422, "invalid_body", [("/parts", "Field required")])),
        (b'{"parts": 1}', (422, "invalid_body", [("/parts", "Input should be a valid array")])),
        (
            b'{"parts": [1], "labels": []}',
            (422, "invalid_body", [("/labels", "Input should be an object")]),
        ),
        (
            b'{"parts": [1], "Label": {}}',
            (
                422,
                "invalid_body",
                [("", "something here is not known to this call: did you mean `labels`?")],
            ),
        ),
        (
            b'{"parts": [1], "other": 1}',
            (
                422,
                "invalid_body",
                [("", "something here is not known to this call; there are: parts, labels")],
            ),
        ),
        (b" " * 65, (413, "body_too_large", [])),
    ],
)
async def test_a_wrong_body_is_pointed_at_and_not_repeated(
    client: httpx.AsyncClient, body: bytes, expected: tuple[int, str, list[tuple[str, str]]]
) -> None:
    answer = await client.post("/things/a", content=body)

    problem = answer.json()
    errors = [(each["pointer"], each["detail"]) for each in problem.get("errors", [])]
    assert (answer.status_code, problem["code"], errors) == expected


async def test_a_body_is_json_whatever_type_its_sender_states(client: httpx.AsyncClient) -> None:
    for content_type in ("application/json", "application/x-www-form-urlencoded", "text/plain", ""):
        answer = await client.post(
            "/things/a", content=b'{"parts": [1, 2]}', headers={"Content-Type": content_type}
        )

        assert answer.json() == {"value": "a 3"}


async def test_nothing_of_a_body_is_read_before_the_key_is_checked(
    client: httpx.AsyncClient,
) -> None:
    read = False

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read = True
        yield b"{}"

    answer = await client.post(
        "/things/a", content=body(), headers={"Authorization": "Bearer wrong"}
    )

    assert (answer.status_code, answer.json()["code"], read) == (401, "unauthenticated", False)


async def test_a_key_is_checked_before_path_and_query(client: httpx.AsyncClient) -> None:
    for path in ("/things/%FF/parts", "/things/a/parts?limit=0", "/things/a/parts?x=%FF"):
        answer = await client.get(path, headers={"Authorization": "Bearer wrong"})

        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_a_database_that_is_away_is_a_503_to_be_tried_again(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/things/unavailable/state")

    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert answer.headers["retry-after"] == "2"


async def test_a_fault_is_a_problem_that_names_the_request_and_nothing_else(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/things/secret/state")

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (500, "internal_error")
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert "secret" not in answer.text


async def test_a_method_that_a_path_does_not_take_names_those_it_does(
    client: httpx.AsyncClient,
) -> None:
    parts = await client.delete("/things/a/parts")
    thing = await client.put("/things/a")
    head = await client.head("/things/a/parts")

    assert (parts.status_code, parts.headers["allow"]) == (405, "GET, HEAD")
    assert (thing.status_code, thing.headers["allow"]) == (405, "POST")
    assert head.status_code == 200


def test_a_route_without_a_scope_cannot_be_declared() -> None:
    declared: Any = ScopedRouter().get

    with pytest.raises(TypeError, match="scope"):
        declared("/", refusals=[], operation_id="x", summary="", response_description="")(keys)


def test_a_body_without_a_limit_cannot_be_declared() -> None:
    async def change(thing: Thing) -> Answer:
        return Answer(value=str(thing))

    declared = ScopedRouter().post(
        "/",
        scope=Scope.MAPS_WRITE,
        refusals=[],
        operation_id="x",
        summary="",
        response_description="",
    )

    with pytest.raises(TypeError, match="limits it"):
        declared(change)


def test_every_refusal_of_a_route_follows_from_its_declaration() -> None:
    (route,) = [each for each in routes([router]) if each.operation_id == "changeThing"]

    assert set(route.codes) == {
        Code.UNAUTHENTICATED,
        Code.MISSING_SCOPE,
        Code.INTERNAL_ERROR,
        Code.KEYS_UNAVAILABLE,
        Code.DATABASE_UNAVAILABLE,
        Code.LIMIT_REACHED,
        Code.INVALID_PATH,
        Code.BODY_TOO_LARGE,
        Code.BODY_TIMEOUT,
        Code.UNSUPPORTED_MEDIA_TYPE,
        Code.INVALID_JSON,
        Code.INVALID_BODY,
    }


def test_no_route_hides_one_that_comes_after_it() -> None:
    """A parameter takes slashes, so `/a/{id}` would take the path of `/a/{id}/b`."""
    earlier: list[ScopedRoute] = []
    for route in routes(ROUTERS):
        example = route.path_format.replace("{", "").replace("}", "")
        hiding = [
            each.path
            for each in earlier
            if each.methods == route.methods and each.path_regex.match(example)
        ]

        assert hiding == [], route.path
        earlier.append(route)


def routes(routers: Any) -> list[ScopedRoute]:
    every: list[BaseRoute] = [route for each in routers for route in each.routes]
    return [route for route in every if isinstance(route, ScopedRoute)]
