"""Suppression of people through the api, and its effect on ingest."""

from collections.abc import AsyncIterator
from urllib.parse import quote

import asyncpg
import pytest

from shared.clock import SystemClock
from shared.ids import DEFAULT_WORKSPACE
from shared.keys.principal import Scope
from shared.sources.hashing import hashed, person_digest
from shared.sources.registry import SourceRegistry
from shared.storage import sources
from shared.storage.connect import DatabaseRole
from tests.integration.api.world import AWKWARD_IDS, World, api_world
from tests.support.database import connected, engine_of

ANN = "email:ann@acme.example"


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with api_world(database_url) as world:
        yield world


@pytest.fixture
async def registry(database_url: str) -> AsyncIterator[SourceRegistry]:
    """The cache of an ingest process, filled in its own role."""
    async with engine_of(database_url, role=DatabaseRole.INGEST) as engine:
        yield SourceRegistry(sources.loader(engine, SystemClock()), spacing_seconds=0.0)


async def hash_key(world: World, workspace_id: int = DEFAULT_WORKSPACE) -> bytes:
    key: bytes = await world.owner.fetchval(
        "SELECT hash_key FROM workspace WHERE workspace_id = $1", workspace_id
    )
    return key


async def listed(world: World, registry: SourceRegistry, *names: str) -> list[bool]:
    """For each name, whether ingest drops its events."""
    assert await registry.refresh()
    key = await hash_key(world)
    digests = registry.suppressed(DEFAULT_WORKSPACE)
    return [person_digest(name, key=key) in digests for name in names]


async def test_a_person_without_events_can_be_suppressed_and_unsuppressed(
    world: World, registry: SourceRegistry
) -> None:
    suppressed = await world.post(f"/v1/people/{ANN}:suppress", '{"reason": "asked by mail"}')
    while_suppressed = await listed(world, registry, ANN, "email:bob@acme.example")
    lifted = await world.post(f"/v1/people/{ANN}:unsuppress")
    afterwards = await listed(world, registry, ANN)

    assert suppressed.status_code == lifted.status_code == 200
    assert suppressed.json() == {
        "person": ANN,
        "suppressed": True,
        "since": "2026-03-10T12:00:00Z",
        "reason": "asked by mail",
        "names": 1,
    }
    assert while_suppressed == [True, False]
    assert lifted.json() == {
        "person": ANN, "suppressed": False, "since": None, "reason": None, "names": 1,
    }  # fmt: skip
    assert afterwards == [False]


async def test_suppressing_one_name_suppresses_all_names_of_the_person(
    world: World, registry: SourceRegistry
) -> None:
    await world.name("user:u-17", subject_id="acme")
    await world.name(ANN, subject_id="acme", person_id="user:u-17")
    await world.name("anonymous:a-1", subject_id="acme", person_id="user:u-17")
    await world.name("user:u-18", subject_id="acme")
    names = ("user:u-17", ANN, "anonymous:a-1", "user:u-18")

    answer = await world.post("/v1/people/anonymous:a-1:suppress")

    assert answer.json()["names"] == 3
    assert await listed(world, registry, *names) == [True, True, True, False]
    await world.post(f"/v1/people/{ANN}:unsuppress")
    assert await listed(world, registry, *names) == [False] * 4


async def test_the_database_hashes_as_ingest_does(world: World, registry: SourceRegistry) -> None:
    # Keys longer than a block of the hash, of its length, and shorter.
    for key in (b"k" * 100, b"k" * 64, b"\0"):
        await world.owner.execute("UPDATE workspace SET hash_key = $1", key)
        for rest in [*AWKWARD_IDS, "Ann@Acme.Example", "\u0130@x.example", " blank around "]:
            name = f"user:{rest}"
            answer = await world.post(f"/v1/people/{quote(name, safe='')}:suppress")

            assert answer.status_code == 200, rest
            assert await listed(world, registry, name) == [True], rest


async def test_a_pseudonym_names_the_same_person(world: World, registry: SourceRegistry) -> None:
    pseudonym = f"email:{hashed('ann@acme.example', await hash_key(world))}"

    await world.post(f"/v1/people/{pseudonym}:suppress")

    assert await listed(world, registry, ANN, pseudonym) == [True, True]


async def test_the_first_reason_and_its_key_are_kept(world: World) -> None:
    other = await world.key(Scope.PEOPLE_WRITE)
    await world.post(f"/v1/people/{ANN}:suppress", '{"reason": "first"}')

    again = await world.post(f"/v1/people/{ANN}:suppress", '{"reason": "second"}', key=other)
    await world.post(f"/v1/people/{ANN}:unsuppress", key=other)

    row = await world.owner.fetchrow("SELECT reason, suppressed_by, lifted_by FROM suppression")
    assert again.json()["reason"] == "first"
    assert tuple(row or ()) == ("first", world.secret.split("_")[2], other.split("_")[2])


async def test_a_person_can_be_suppressed_again(world: World, registry: SourceRegistry) -> None:
    for call in ("suppress", "unsuppress", "suppress"):
        await world.post(f"/v1/people/{ANN}:{call}")
        await listed(world, registry)

    assert await listed(world, registry, ANN) == [True]


async def test_an_erased_person_is_unsuppressed_only_with_the_flag(
    world: World, registry: SourceRegistry
) -> None:
    await world.owner.execute(
        "INSERT INTO suppression (workspace_id, digest, reason, suppressed_at)"
        " VALUES ($1, $2, 'erased', now())",
        DEFAULT_WORKSPACE,
        person_digest(ANN, key=await hash_key(world)),
    )

    refused = await world.post(f"/v1/people/{ANN}:unsuppress")
    still = await listed(world, registry, ANN)
    meant = await world.post(f"/v1/people/{ANN}:unsuppress", '{"erased": true}')

    assert (refused.status_code, refused.json()["code"]) == (409, "person_erased")
    assert still == [True]
    assert meant.json()["suppressed"] is False
    assert await listed(world, registry, ANN) == [False]


async def test_each_workspace_has_its_own_list(world: World, registry: SourceRegistry) -> None:
    foreign = await world.key(Scope.PEOPLE_WRITE, workspace_id=world.foreign_workspace)

    await world.post(f"/v1/people/{ANN}:suppress", key=foreign)
    theirs = await hash_key(world, world.foreign_workspace)

    assert await listed(world, registry, ANN) == [False]
    assert registry.suppressed(world.foreign_workspace) == {person_digest(ANN, key=theirs)}


async def test_without_the_scope_nothing_is_suppressed(world: World) -> None:
    reader = await world.key(Scope.STAGES_READ)

    answers = [
        await world.post(f"/v1/people/{ANN}:{call}", key=key)
        for call in ("suppress", "unsuppress")
        for key in (reader, world.write)
    ]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {
        (403, "missing_scope")
    }
    assert await world.owner.fetchval("SELECT count(*) FROM suppression") == 0


@pytest.mark.parametrize(
    ("person", "body", "wanted"),
    [
        ("acme", "", (400, "invalid_person")),
        ("email:", "", (400, "invalid_person")),
        ("user:%20", "", (400, "invalid_person")),
        ("account:acme", "", (400, "invalid_person")),
        ("user:" + "x" * 513, "", (400, "invalid_person")),
        ("user:%00", "", (400, "invalid_path")),
        ("user:%ff", "", (400, "invalid_path")),
        ("user:u", '{"reason": "erased"}', (422, "invalid_body")),
        ("user:u", '{"reason": " erased "}', (422, "invalid_body")),
        ("user:u", '{"reason": "a\\u0000b"}', (422, "invalid_body")),
        ("user:u", '{"reason": "%s"}' % ("x" * 501), (422, "invalid_body")),
        ("user:u", '{"because": "x"}', (422, "invalid_body")),
        ("user:u", '{"reason": NaN}', (422, "invalid_body")),
        ("user:u", '{"reason": "\\ud800"}', (400, "invalid_json")),
        ("user:u", "[]", (422, "invalid_body")),
        ("user:u", "null", (422, "invalid_body")),
    ],
)
async def test_an_invalid_person_or_reason_is_refused(
    world: World, person: str, body: str, wanted: tuple[int, str]
) -> None:
    answer = await world.post(f"/v1/people/{person}:suppress", body)

    assert (answer.status_code, answer.json()["code"]) == wanted
    assert await world.owner.fetchval("SELECT count(*) FROM suppression") == 0


async def test_the_api_cannot_read_the_key_or_hash_without_a_workspace(
    database_url: str,
) -> None:
    async with connected(database_url, role=DatabaseRole.API) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetchval("SELECT keyed_hashes(ARRAY['x'])")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetchval("SELECT hash_key FROM workspace")


@pytest.mark.parametrize("role", [DatabaseRole.INGEST, DatabaseRole.STAGER])
async def test_other_roles_cannot_hash(database_url: str, role: DatabaseRole) -> None:
    async with connected(database_url, role=role) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetchval("SELECT keyed_hashes(ARRAY['x'])")


async def test_a_device_of_two_people_is_suppressed_with_neither(
    world: World, registry: SourceRegistry
) -> None:
    uses = (("01 08:00", "m-1", "user:amy"), ("02 08:00", "m-2", "user:ben"))
    await world.name("user:amy", subject_id="acme")
    await world.name("user:ben", subject_id="bolt")
    await world.name("anonymous:own", subject_id="bolt", person_id="user:ben", users=uses[1:])
    await world.name("anonymous:both", subject_id="bolt", person_id="user:ben", users=uses)
    names = ("user:ben", "anonymous:own", "anonymous:both", "user:amy")

    suppressed = await world.post("/v1/people/user:ben:suppress")

    assert suppressed.json()["names"] == 2
    assert await listed(world, registry, *names) == [True, True, False, False]
    # The device itself may be meant, and is lifted with its present user.
    await world.post("/v1/people/anonymous:both:suppress")
    assert await listed(world, registry, *names) == [True, True, True, False]
    await world.post("/v1/people/user:ben:unsuppress")
    assert await listed(world, registry, *names) == [False] * 4
