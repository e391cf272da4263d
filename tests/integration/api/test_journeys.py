"""`/v1/journeys`: publish, list, read."""

import json
from collections.abc import AsyncIterator

import pytest

from shared.keys.principal import Scope
from shared.maps import parse
from tests.integration.api.world import MAP, World, api_world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with api_world(database_url) as world:
        yield world


TRIAL = """\
journey: trial
title: Trial
subject: account
stages:
  - {key: started, title: Started}
  - {key: activated, title: Activated, enter: {event: Project Created}}
"""


async def test_a_map_gets_a_new_version_only_if_its_definition_changed(
    world: World,
) -> None:
    first = await world.post("/v1/journeys", TRIAL, content_type="application/yaml")
    same = await world.post("/v1/journeys", TRIAL + "# a remark\n")
    as_json = await world.post(
        "/v1/journeys",
        json.dumps(parse(TRIAL).definition(), indent="\t"),
        content_type="application/json",
    )
    changed = await world.post("/v1/journeys", TRIAL.replace("Project", "Board"))

    assert (first.status_code, first.json()) == (
        201,
        {"key": "trial", "version": 1, "changed": True},
    )
    assert first.headers["location"] == "/v1/journeys/trial?version=1"
    assert (same.status_code, same.json()) == (
        200,
        {"key": "trial", "version": 1, "changed": False},
    )
    assert (as_json.status_code, as_json.json()["changed"]) == (200, False)
    assert (changed.status_code, changed.json()["version"]) == (201, 2)


async def test_a_published_map_is_listed_and_shown_with_its_progress(world: World) -> None:
    await world.post("/v1/journeys", TRIAL)
    await world.owner.execute("UPDATE refold_job SET done = 3, total = 12 WHERE journey = 'trial'")

    listed = (await world.get("/v1/journeys")).json()
    shown = (await world.get("/v1/journeys/trial")).json()

    assert [(each["key"], each["stages"]) for each in listed["items"]] == [
        ("sales", ["research", "evaluation", "purchase"]),
        ("trial", ["started", "activated"]),
    ]
    assert listed["next_cursor"] is None
    assert listed["items"][1]["refold"] == {
        "done": 3,
        "total": 12,
        "is_finished": False,
        "finished_at": None,
    }
    assert shown["source"] == TRIAL
    assert (
        shown["definition"]["stages"][1]["enter"] == parse(TRIAL).definition()["stages"][1]["enter"]
    )
    assert shown["published_by"] == world.secret.split("_")[2]
    assert shown["refold"]["done"] == 3


async def test_an_older_version_can_be_read(world: World) -> None:
    await world.publish(MAP.replace("title: Sales", "title: Sales two"))

    first = await world.get("/v1/journeys/sales", version="1")
    newest = await world.get("/v1/journeys/sales")
    absent = await world.get("/v1/journeys/sales", version="7")

    assert (first.json()["title"], newest.json()["title"]) == ("Sales", "Sales two")
    assert (absent.status_code, absent.json()["code"]) == (404, "journey_unknown")


async def test_an_invalid_map_is_refused_with_the_line_of_each_mistake(world: World) -> None:
    answer = await world.post(
        "/v1/journeys",
        TRIAL.replace("title: Activated", "titel: Activated").replace(
            "subject: account", "subject: nobody"
        ),
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "map_invalid")
    errors = answer.json()["errors"]
    assert [error["detail"].split(",")[0] for error in errors] == ["line 3", "line 6", "line 6"]
    assert errors[0]["pointer"] == "/subject"
    assert (await world.get("/v1/journeys/trial")).status_code == 404


async def test_bytes_that_are_not_a_map_are_refused_and_never_a_500(world: World) -> None:
    for body in (
        b"",
        b"\xff\xfe",
        b"journey: a\x00b",
        b"{",
        b"[1, 2]",
        b"just words",
        b"- " * 1000,
        b"a: &a [*a]",
        b"!!python/object/apply:os.system [id]",
        b"a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]",
        b"[" * 50_000,
        "journey: \U0001f600".encode(),
    ):
        answer = await world.post("/v1/journeys", body)

        assert (answer.status_code, answer.json()["code"]) == (422, "map_invalid"), body[:20]

    large = await world.post("/v1/journeys", b"#" * 600_000)
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
    image = await world.post("/v1/journeys", TRIAL, content_type="image/png")
    assert (image.status_code, image.json()["code"]) == (415, "unsupported_media_type")


async def test_publishing_needs_its_own_scope(world: World) -> None:
    reader = await world.key(Scope.STAGES_READ, Scope.ALERTS_WRITE)

    answer = await world.post("/v1/journeys", TRIAL, key=reader)

    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
