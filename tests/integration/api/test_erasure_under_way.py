"""`:unsuppress` while an erasure of the person is under way, as ingest records it in its own role."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from shared.contracts.envelope import Envelope
from shared.contracts.names import ANONYMOUS, EMAIL, USER, split
from shared.ids import DEFAULT_WORKSPACE, WorkspaceId
from shared.sources.erasure import UNDER_WAY, erasure_request
from shared.storage.connect import DatabaseRole
from shared.storage.identity import erasure_requests
from tests.integration.api.world import NOW, World, api_world
from tests.support.database import engine_of

ANN = "email:ann@acme.example"
FIELDS = {USER: "user_id", EMAIL: "email", ANONYMOUS: "anonymous_id"}


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with api_world(database_url) as world:
        yield world


async def accepted(
    world: World,
    person: str,
    message_id: str = "request-17",
    *,
    workspace_id: WorkspaceId = DEFAULT_WORKSPACE,
    ago: timedelta = timedelta(),
) -> None:
    """Record a request as ingest does before the log has it."""
    key = await world.owner.fetchval(
        "SELECT hash_key FROM workspace WHERE workspace_id = $1", workspace_id
    )
    prefix, value = split(person)
    names: dict[str, Any] = {FIELDS[prefix]: value}
    envelope = Envelope(
        workspace_id=workspace_id, message_id=message_id, event="Person Erased", type="erase",
        occurred_at=NOW - ago, received_at=NOW - ago, source="", **names,
    )  # fmt: skip
    async with engine_of(world.database_url, role=DatabaseRole.INGEST) as engine:
        write = erasure_requests.writer(engine, timeout_seconds=5)
        await write([erasure_request(envelope, hash_key=key)])


async def completed(world: World, message_id: str = "request-17") -> None:
    """What the stager leaves of a request."""
    await world.insert(
        "erasure",
        workspace_id=DEFAULT_WORKSPACE,
        message_id=message_id,
        erased_at=NOW,
        touchpoints=0,
    )


async def unsuppressed(world: World, person: str = ANN, body: str = "") -> httpx.Response:
    return await world.post(f"/v1/people/{quote(person, safe='')}:unsuppress", body)


async def is_refused(world: World, person: str = ANN, body: str = "") -> bool:
    answer = await unsuppressed(world, person, body)
    if answer.status_code == 200:
        return False
    assert (answer.status_code, answer.json()["code"]) == (409, "erasure_under_way")
    assert answer.headers["retry-after"] == "2"
    return True


async def test_nothing_is_lifted_until_the_erasure_is_carried_out(world: World) -> None:
    await world.post(f"/v1/people/{ANN}:suppress")
    await accepted(world, ANN)

    refused = [await is_refused(world), await is_refused(world, body='{"erased": true}')]
    still = await world.owner.fetchval("SELECT lifted_at FROM suppression")
    await completed(world)
    lifted = await unsuppressed(world)

    assert refused == [True, True]
    assert still is None
    assert (lifted.status_code, lifted.json()["suppressed"]) == (200, False)


async def test_the_person_is_meant_by_whichever_name(world: World) -> None:
    await world.name("user:u-17", subject_id="acme")
    await world.name(ANN, subject_id="acme", person_id="user:u-17")
    await world.name("user:u-18", subject_id="acme")

    await accepted(world, ANN)

    assert await is_refused(world, "user:u-17")
    assert not await is_refused(world, "user:u-18")


@pytest.mark.parametrize(
    ("erased", "unsuppressed"),
    [
        ("user:Ann@acme.example", ANN),
        (ANN, "user:ANN@acme.example"),
        ("user:ann@acme.example", "anonymous:ANN@ACME.example"),
    ],
)
async def test_an_address_is_one_name_wherever_it_stands(
    world: World, erased: str, unsuppressed: str
) -> None:
    await accepted(world, erased)

    assert await is_refused(world, unsuppressed)


async def test_an_erasure_that_never_arrives_does_not_block_its_person_for_ever(
    world: World,
) -> None:
    await accepted(world, ANN, ago=UNDER_WAY - timedelta(seconds=1))
    refused = await is_refused(world)
    world.clock.advance(timedelta(seconds=1))

    assert refused
    assert not await is_refused(world)


async def test_a_request_that_was_sent_again_under_another_id_is_over_with_the_later_one(
    world: World,
) -> None:
    """Its sender got no answer to the first, which may be lost: ingest was killed before the append."""
    await accepted(world, ANN, "lost", ago=timedelta(minutes=1))
    await accepted(world, ANN, "again")
    while_both = await is_refused(world)
    await completed(world, "again")

    assert while_both
    assert not await is_refused(world)


async def test_a_later_request_that_is_not_carried_out_yet_counts(world: World) -> None:
    await accepted(world, ANN, "first", ago=timedelta(minutes=1))
    await completed(world, "first")
    await accepted(world, ANN, "second")

    assert await is_refused(world)


async def test_a_later_erasure_of_another_name_says_nothing_of_this_one(world: World) -> None:
    await accepted(world, ANN, "first", ago=timedelta(minutes=1))
    await accepted(world, "user:u-18", "second")
    await completed(world, "second")

    assert await is_refused(world)


async def test_a_request_of_another_workspace_blocks_nothing(world: World) -> None:
    await accepted(world, ANN, workspace_id=world.foreign_workspace)

    assert not await is_refused(world)
    assert (await world.post(f"/v1/people/{ANN}:unsuppress", key=world.foreign)).status_code == 409


async def test_old_requests_are_removed_with_the_next(world: World) -> None:
    await accepted(world, ANN, "old", ago=2 * UNDER_WAY)
    await accepted(world, "user:u", "new")

    rows = await world.owner.fetch("SELECT message_id FROM erasure_request")
    assert [row["message_id"] for row in rows] == ["new"]


async def test_the_same_request_sent_again_is_one_row(world: World) -> None:
    await accepted(world, ANN, ago=timedelta(hours=1))
    await accepted(world, ANN)

    rows = await world.owner.fetch("SELECT requested_at FROM erasure_request")
    assert [row["requested_at"] for row in rows] == [NOW]
