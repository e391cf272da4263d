"""What browser SDKs fetch at start; that they run on it is proved with the SDKs themselves."""

import json
import re
from typing import Any

import httpx
import pytest

from services.ingest.app import create_app
from services.ingest.intake import Ingest
from shared.keys.token import KeyKind, NewKey, generate
from tests.unit.ingest.conftest import FakeDatabase, ListLog

ORIGIN = {"Origin": "https://shop.example"}


def settings_of(key: str) -> str:
    return f"/v1/projects/{key}/settings"


async def segment_settings(
    client: httpx.AsyncClient, key: NewKey, **headers: str
) -> dict[str, Any]:
    answer = await client.get(settings_of(key.token), headers={**ORIGIN, **headers})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.json()["metrics"] == {"sampleRate": 0}
    integrations: dict[str, Any] = answer.json()["integrations"]
    assert list(integrations) == ["Segment.io"]
    settings: dict[str, Any] = integrations["Segment.io"]
    return settings


async def test_settings_lead_back_to_the_address_that_was_asked(
    client: httpx.AsyncClient, write_key: NewKey
) -> None:
    settings = await segment_settings(client, write_key, Host="events.example:8443")

    assert settings["apiKey"] == write_key.token
    assert (settings["protocol"], settings["apiHost"]) == ("http", "events.example:8443/v1")


async def test_behind_a_proxy_the_protocol_is_that_of_the_page(
    client: httpx.AsyncClient, write_key: NewKey
) -> None:
    by_proxy = await segment_settings(client, write_key, **{"X-Forwarded-Proto": "https"})
    by_liar = await segment_settings(client, write_key, **{"X-Forwarded-Proto": "javascript"})

    assert (by_proxy["protocol"], by_liar["protocol"]) == ("https", "http")


async def test_a_public_address_comes_before_that_of_the_request(
    ingest: Ingest, write_key: NewKey
) -> None:
    ingest.public_base_url = "https://events.example/in"
    transport = httpx.ASGITransport(create_app(ingest))
    async with httpx.AsyncClient(transport=transport, base_url="http://10.0.0.7:8080") as client:
        settings = await segment_settings(client, write_key)

    assert (settings["protocol"], settings["apiHost"]) == ("https", "events.example/in/v1")


@pytest.mark.parametrize("host", ["", "a b", 'x"y', "evil.example/path", "a" * 300, "[::1"])
async def test_settings_never_name_what_is_no_address(
    client: httpx.AsyncClient, write_key: NewKey, host: str
) -> None:
    answer = await client.get(settings_of(write_key.token), headers={"Host": host})

    assert (answer.status_code, answer.json()["code"]) == (400, "no_address")
    assert not host or host not in answer.text


@pytest.mark.parametrize("path", [settings_of("{}"), "/array/{}/config", "/array/{}/config.js"])
async def test_a_key_that_does_not_work_gets_the_same_words(
    client: httpx.AsyncClient, write_key: NewKey, database: FakeDatabase, path: str
) -> None:
    stranger = generate(KeyKind.WRITE)

    existing = await client.get(path.format(write_key.token))
    unknown = await client.get(path.format(stranger.token))
    database.is_away = True
    unreadable = await client.get(path.format(write_key.token))

    assert (existing.status_code, unknown.status_code) == (200, 200)
    assert existing.text == unknown.text.replace(stranger.token, write_key.token) == unreadable.text
    assert dict(existing.headers).keys() == dict(unknown.headers).keys()


@pytest.mark.parametrize("path", [settings_of("{}"), "/array/{}/config", "/array/{}/config.js"])
@pytest.mark.parametrize(
    "key",
    [
        "phc_abc",
        "%7Bwrite_key%7D",
        "sl_wk_1_%22%5D%3Balert(1)",
        "sl_wk_1_%3Cscript%3E",
        "sl_wk_é_2",
        "sl_wk_1_2%00",
        "..%2F..",
        "sl_xk_1_2",
    ],
)
async def test_what_can_be_no_write_key_is_refused_and_not_repeated(
    client: httpx.AsyncClient, path: str, key: str
) -> None:
    answer = await client.get(path.format(key))

    assert answer.status_code == 404
    assert answer.json()["code"] in {"no_write_key", "not_found"}
    assert "alert" not in answer.text
    assert "0000" not in answer.text


async def test_the_script_leaves_the_same_settings_where_the_sdk_looks(
    client: httpx.AsyncClient, write_key: NewKey
) -> None:
    script = await client.get(f"/array/{write_key.token}/config.js")
    config = await client.get(f"/array/{write_key.token}/config", headers=ORIGIN)

    assert script.headers["content-type"] == "application/javascript"
    assert script.headers["x-content-type-options"] == "nosniff"
    left = re.fullmatch(
        r"\(function\(w\)\{w=w\._POSTHOG_REMOTE_CONFIG=w\._POSTHOG_REMOTE_CONFIG\|\|\{\};"
        r'w\["(\w+)"\]=\{config:(.*),siteApps:\[\]\}\}\)\(window\);\n',
        script.text,
    )
    assert left is not None
    assert (left[1], json.loads(left[2])) == (write_key.token, config.json())
    assert "gzip-js" in config.json()["supportedCompression"]
    assert config.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", ["/flags/", "/flags", "/decide/", "/decide"])
@pytest.mark.parametrize("content", [b"", b"{}", b"\x1f\x8b broken", b"\xff" * 600_000])
async def test_there_are_no_flags_whatever_is_asked(
    client: httpx.AsyncClient, path: str, content: bytes
) -> None:
    posted = await client.post(f"{path}?v=2", content=content, headers=ORIGIN)
    got = await client.get(path)

    assert (posted.status_code, got.status_code) == (200, 200)
    assert posted.json() == got.json()
    assert posted.json()["flags"] == posted.json()["featureFlags"] == {}
    assert posted.json()["errorsWhileComputingFlags"] is False
    assert posted.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "path", ["/static/array.js", "/static/1.2.3/recorder.js", "/static/", "/array/x/array.js"]
)
async def test_a_script_that_is_not_here_is_no_page_either(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path)

    assert (answer.status_code, answer.content) == (404, b"")
    assert answer.headers["content-type"] == "application/javascript"


@pytest.mark.parametrize(
    "path", ["/flags/", "/decide/", settings_of("sl_wk_1_2"), "/array/sl_wk_1_2/config"]
)
async def test_a_page_may_ask_with_whatever_headers_it_likes(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.options(path, headers={**ORIGIN, "Access-Control-Request-Headers": "x"})

    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, "*")
    assert "*" in answer.headers["access-control-allow-headers"]
    assert "GET" in answer.headers["access-control-allow-methods"]


async def test_asking_stores_nothing(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog
) -> None:
    event = {"event": "A", "distinct_id": "leah"}
    await client.post("/flags/", json={"token": write_key.token, **event})

    assert not event_log.records
