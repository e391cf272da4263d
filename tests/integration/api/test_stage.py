from collections.abc import AsyncIterator

import msgspec
import pytest

from tests.integration.api.world import AWKWARD_IDS, SHOP, World, api_world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with api_world(database_url) as world:
        yield world


async def test_the_stage_of_an_account_has_its_placement_and_the_next_stage(
    world: World,
) -> None:
    await world.account("acme")

    answer = await world.get("/v1/stage", account_id="acme")

    assert answer.status_code == 200
    assert answer.json() == {
        "account_id": "acme",
        "journey": "sales",
        "map_version": 1,
        "stage": "evaluation",
        "stage_title": "Evaluation",
        "status": "active",
        "outcome": None,
        "entered_at": "2026-03-02T09:30:00Z",
        "cycle": 1,
        "job": "prove ROI to the CFO",
        "persona": None,
        "content": {"banner": "Book a call"},
        "next": {"key": "purchase", "title": "Purchase"},
        "health": None,
        "event_at": "2026-03-04T16:12:00Z",
        "processed_at": "2026-03-04T16:13:00Z",
        "version": 3,
    }
    assert answer.headers["cache-control"] == "private, max-age=0"
    assert answer.headers["vary"] == "Authorization"


async def test_every_name_of_a_person_resolves_to_its_account(world: World) -> None:
    await world.account("acme")
    for identifier in (
        "user:leah",
        "anonymous:7f3a",
        "email:leah@acme.example",
        "external:hubspot:contact:8301",
    ):
        await world.name(identifier, person_id="user:leah", subject_id="acme")

    for name in (
        {"user_id": "leah"},
        {"anonymous_id": "7f3a"},
        {"email": " Leah@Acme.Example "},
        {"account_id": "user:leah"},
        {"account_id": "email:Leah@acme.example"},
        {"user_id": " leah "},
        {"user_id": "Leah@acme.example"},
        {"anonymous_id": "leah@acme.example"},
        {"external_id": "hubspot:contact:8301"},
        {"anonymous_id": "hubspot:contact:8301"},
        {"account_id": "external:hubspot:contact:8301"},
        {"account_id": "anonymous:hubspot:contact:8301"},
        {"user_id": "le\u200bah"},
    ):
        answer = await world.get("/v1/stage", **name)

        assert (answer.status_code, answer.json()["account_id"]) == (200, "acme")


async def test_a_record_of_an_account_answers_for_that_account(world: World) -> None:
    await world.account("acme")
    await world.name("hubspot:company:701", subject_id="acme", person_id="acme")
    await world.account("hubspot:company:702")
    names: tuple[dict[str, str], ...] = (
        {"account_id": "hubspot:company:701"},
        {"external_id": "hubspot:company:701"},
        {"account_id": "hubspot:company:702"},
        {"external_id": "hubspot:company:702"},
        {"external_id": "hubspot:company:703"},
        {"account_id": "hubspot:company:703"},
        {"external_id": "no record"},
    )
    wanted = ["acme"] * 2 + ["hubspot:company:702"] * 2 + [None] * 3

    single = [(await world.get("/v1/stage", **name)).json().get("account_id") for name in names]
    batch = await world.post("/v1/stage:batch", msgspec.json.encode({"subjects": names}))
    profiles = [
        (await world.get(f"/v1/accounts/{prefix}{value}")).json().get("account_id")
        for name in names
        for prefix, value in (("external:" if "external_id" in name else "", *name.values()),)
    ]

    assert single == wanted
    assert [
        each["result"] and each["result"]["account_id"] for each in batch.json()["items"]
    ] == wanted
    assert profiles == wanted


async def test_a_merged_account_answers_as_the_one_that_it_was_merged_into(world: World) -> None:
    await world.account("acme")
    await world.subject("acme-old", merged_into="acme-older")
    await world.subject("acme-older", merged_into="acme")

    answer = await world.get("/v1/stage", account_id="acme-old")

    assert answer.json()["account_id"] == "acme"
    assert answer.json()["stage"] == "evaluation"


async def test_a_query_without_exactly_one_name_is_refused(world: World) -> None:
    for params in ({}, {"account_id": "acme", "user_id": "leah"}, {"journey": "sales"}):
        answer = await world.get("/v1/stage", **params)

        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "subject_required"


async def test_a_subject_that_was_never_seen_is_unknown(world: World) -> None:
    for params in ({"account_id": "nobody"}, {"user_id": "nobody"}, {"account_id": "user:nobody"}):
        answer = await world.get("/v1/stage", **params)

        assert (answer.status_code, answer.json()["code"]) == (404, "subject_unknown")


async def test_a_known_subject_that_is_on_no_journey_has_not_started(world: World) -> None:
    await world.subject("fresh")

    answer = (await world.get("/v1/stage", account_id="fresh")).json()

    assert answer["journey"] == "sales"
    assert (answer["status"], answer["stage"], answer["version"]) == ("not_started", None, 0)
    assert answer["event_at"] == "2026-03-04T16:12:00Z"


async def test_a_subject_on_several_journeys_is_answered_for_the_first_published_of_them(
    world: World,
) -> None:
    await world.publish(SHOP)
    await world.account("acme")
    await world.name("user:leah", subject_id="acme")
    await world.placement("user:leah", journey="shop", stage="cart", version=1)

    of_account = await world.get("/v1/stage", account_id="acme")
    of_person = await world.get("/v1/stage", user_id="leah")
    named = await world.get("/v1/stage", user_id="leah", journey="shop")
    absent = await world.get("/v1/stage", account_id="acme", journey="shop")
    unknown = await world.get("/v1/stage", account_id="acme", journey="nowhere")

    assert of_account.json()["journey"] == "sales"
    assert (of_person.status_code, of_person.json()["journey"]) == (200, "sales")
    assert (named.json()["account_id"], named.json()["stage"]) == ("user:leah", "cart")
    assert (absent.json()["journey"], absent.json()["status"]) == ("shop", "not_started")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "journey_unknown")


async def test_an_ended_journey_names_its_outcome_and_no_next_stage(world: World) -> None:
    await world.account("acme", status="ended", stage="evaluation", outcome="lost")

    answer = (await world.get("/v1/stage", account_id="acme")).json()

    assert (answer["status"], answer["outcome"], answer["next"]) == ("ended", "lost", None)


async def test_an_unchanged_response_is_an_empty_304(world: World) -> None:
    await world.account("acme")
    first = await world.get("/v1/stage", account_id="acme")
    etag = first.headers["etag"]

    async def again(if_none_match: str) -> tuple[int, bytes, str]:
        answer = await world.client.get(
            "/v1/stage",
            params={"account_id": "acme"},
            headers={"Authorization": f"Bearer {world.secret}", "If-None-Match": if_none_match},
        )
        return answer.status_code, answer.content, answer.headers["etag"]

    for sent in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        assert await again(sent) == (304, b"", etag)

    await world.owner.execute("UPDATE placement SET map_version = 2")
    status, _, changed = await again(etag)

    assert etag.startswith('"m1.v3.')
    assert changed.startswith('"m2.v3.')
    assert status == 200


async def test_ids_that_need_encoding_can_be_queried(world: World) -> None:
    for account_id in (*AWKWARD_IDS, "..", "%2F"):
        await world.account(account_id)

        answer = await world.get("/v1/stage", account_id=account_id)

        assert (answer.status_code, answer.json().get("account_id")) == (200, account_id)


async def test_an_invalid_query_is_refused_without_an_echo(world: World) -> None:
    for query in (
        "account_id=a%00b",
        "account_id=%ED%A0%80",
        "account_id=%FF",
        "account_id=" + "x" * 523,
        "account_id=",
        "account_id=a&account_id=b",
        "account_id=a&jurney=sales",
        "account_id=a&journey=No%20Key",
    ):
        answer = await world.get(f"/v1/stage?{query}")

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
        for piece in ("jurney", "No Key", "xxx"):
            assert piece not in answer.text


async def test_a_batch_answers_in_order_with_an_error_for_each_failed_subject(
    world: World,
) -> None:
    await world.account("acme")
    await world.account("beta", stage="research")
    await world.subject("old", merged_into="beta")
    await world.name("user:leah", subject_id="acme")
    subjects = [
        {"account_id": "beta"},
        {"account_id": "nobody"},
        {"user_id": "leah"},
        {},
        {"account_id": "acme", "user_id": "leah"},
        {"account_id": "acme"},
        {"account_id": "acme"},
        {"account_id": "old"},
    ]

    answer = await world.post("/v1/stage:batch", msgspec.json.encode({"subjects": subjects}))

    assert answer.status_code == 200
    assert [
        item["result"]["account_id"] if item["result"] else item["error"]["code"]
        for item in answer.json()["items"]
    ] == [
        "beta",
        "subject_unknown",
        "acme",
        "subject_required",
        "subject_required",
        "acme",
        "acme",
        "beta",
    ]
    assert answer.json()["items"][0]["result"]["stage"] == "research"


async def test_a_batch_has_at_most_a_thousand_subjects(world: World) -> None:
    await world.account("acme")

    async def ask(count: int) -> tuple[int, object]:
        subjects = [{"account_id": "acme"}] * count
        answer = await world.post("/v1/stage:batch", msgspec.json.encode({"subjects": subjects}))
        return answer.status_code, len(answer.json().get("items", ()))

    assert await ask(1000) == (200, 1000)
    assert await ask(1001) == (422, 0)
    assert await ask(0) == (422, 0)


async def test_an_invalid_batch_is_refused_without_an_echo(world: World) -> None:
    for body, status, code in (
        (b"", 400, "invalid_json"),
        (b"{", 400, "invalid_json"),
        (b"\xff\xfe", 400, "invalid_json"),
        (b'{"subjects": [{"account_id": "\\ud800"}]}', 400, "invalid_json"),
        (b"[" * 100_000, 400, "invalid_json"),
        (b"[]", 422, "invalid_body"),
        (b'{"subjects": {}}', 422, "invalid_body"),
        (b'{"subjects": [{"account_id": 7}]}', 422, "invalid_body"),
        (b'{"subjects": [{"account_id": "a\\u0000b"}]}', 422, "invalid_body"),
        (b'{"subjects": [{"secret_word": "x"}]}', 422, "invalid_body"),
        (b'{"subjects": [{"account_id": "a"}], "journey": "Secret_Word"}', 422, "invalid_body"),
        (b'{"subjects": [{"account_id": "a"}], "journey": "nowhere"}', 404, "journey_unknown"),
        (b" " * 2_500_001, 413, "body_too_large"),
    ):
        answer = await world.post("/v1/stage:batch", body)

        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert "secret" not in answer.text.lower()
        assert len(answer.content) < 2000


async def test_a_body_that_grows_past_the_limit_without_announcing_it_is_cut_off(
    world: World,
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 65_536

    answer = await world.client.post(
        "/v1/stage:batch",
        content=endless(),
        headers={"Authorization": f"Bearer {world.secret}"},
    )

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_a_compressed_body_is_refused(world: World) -> None:
    answer = await world.post("/v1/stage:batch", b"{}", content_encoding="gzip")

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_a_colon_may_be_sent_percent_encoded(world: World) -> None:
    await world.account("acme")

    answer = await world.post("/v1/stage%3Abatch", b'{"subjects": [{"account_id": "acme"}]}')

    assert answer.status_code == 200
