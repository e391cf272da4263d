"""`GET /v1/pixel.gif`: one touchpoint in the address of an image, which is served for every verdict."""

import httpx
import pytest

from shared.keys.token import NewKey
from tests.unit.ingest.conftest import NOW, ListLog

PIXEL = "/v1/pixel.gif"


async def test_opening_a_mail_is_a_touchpoint(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog
) -> None:
    answer = await client.get(
        PIXEL,
        params={
            "key": write_key.token,
            "email": "leah@acme.example",
            "account_id": "acme",
            "campaign": "spring",
            "utm_medium": "email",
            "mail": "welcome 2",
        },
    )

    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
    assert answer.content.startswith(b"GIF89a")
    assert len(answer.content) == 43
    assert "no-store" in answer.headers["cache-control"]
    [envelope] = event_log.envelopes
    assert (envelope.event, envelope.channel) == ("Email Opened", "email")
    assert (envelope.email, envelope.account_id) == ("leah@acme.example", "acme")
    assert envelope.campaign is not None
    assert (envelope.campaign.name, envelope.campaign.medium) == ("spring", "email")
    assert envelope.properties == {"mail": "welcome 2"}
    assert write_key.token not in event_log.records[0].value.decode()
    assert envelope.occurred_at == NOW


@pytest.mark.parametrize(
    ("params", "status", "error"),
    [
        ({}, 401, "unauthenticated"),
        ({"key": "sl_wk_0_0", "user_id": "leah"}, 401, "unauthenticated"),
        ({"key": "good"}, 422, "missing_identity"),
        ({"key": "good", "email": "nobody"}, 422, "invalid_email"),
        ({"key": "good", "user_id": "a\x00"}, 422, "invalid_unicode"),
        ({"key": "good", "user_id": "x" * 513}, 422, "invalid_user_id"),
        ({"key": "good", "user_id": "l", "occurred_at": "soon"}, 422, "invalid_occurred_at"),
        ({"key": "good", **{f"p{n}": "x" for n in range(70)}}, 400, "invalid_query"),
    ],
)
async def test_the_image_comes_whatever_became_of_the_event(  # noqa: PLR0917 - fixtures and cases
    client: httpx.AsyncClient,
    write_key: NewKey,
    event_log: ListLog,
    params: dict[str, str],
    status: int,
    error: str,
) -> None:
    if params.get("key") == "good":
        params = {**params, "key": write_key.token}

    answer = await client.get(PIXEL, params=params)

    assert (answer.status_code, answer.headers["x-stageline-error"]) == (status, error)
    assert answer.content.startswith(b"GIF89a")
    assert event_log.records == []


async def test_a_plus_in_an_address_that_a_template_wrote_as_it_is_stays_one(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog
) -> None:
    answer = await client.get(f"{PIXEL}?key={write_key.token}&email=leah+b2b@acme.example")

    assert answer.status_code == 200
    assert event_log.envelopes[0].email == "leah+b2b@acme.example"


async def test_a_query_that_is_no_utf8_is_refused(
    client: httpx.AsyncClient, write_key: NewKey
) -> None:
    answer = await client.get(f"{PIXEL}?key={write_key.token}&user_id=%ff")

    assert answer.headers["x-stageline-error"] == "invalid_query"


async def test_a_log_that_is_away_is_reported_with_the_image(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog
) -> None:
    event_log.is_away = True

    answer = await client.get(PIXEL, params={"key": write_key.token, "user_id": "leah"})

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.content.startswith(b"GIF89a")
