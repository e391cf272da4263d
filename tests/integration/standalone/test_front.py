"""What answers at `/`, on one port and on each service alone; no link on it is dead."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.types import ASGIApp

from services.ingest.app import create_app
from services.standalone.compose import composed, settings_from
from services.standalone.document import published
from shared.clock import SystemClock
from tests.conftest import ROOT
from tests.integration.api.world import api_world
from tests.integration.ingest.server import serving

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
STRICT = {"content-security-policy", "x-content-type-options", "referrer-policy"}


@asynccontextmanager
async def app_of(service: str, database_url: str) -> AsyncIterator[ASGIApp]:
    if service == "api":
        async with api_world(database_url) as world:
            yield world.app
    elif service == "ingest":
        async with serving(database_url) as server:
            yield create_app(server.ingest)
    else:
        settings = settings_from(database_url=database_url, event_log="postgres")
        async with composed(settings, SystemClock()) as services:
            yield services.app


@pytest.fixture(params=["standalone", "ingest", "api"])
async def client(
    request: pytest.FixtureRequest, database_url: str
) -> AsyncIterator[httpx.AsyncClient]:
    async with app_of(request.param, database_url) as app:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://front.test") as client:
            yield client


async def test_a_program_gets_json_and_a_browser_a_page(client: httpx.AsyncClient) -> None:
    front = await client.get("/")
    page = await client.get("/", headers=HTML)

    assert front.headers["content-type"] == "application/json"
    assert front.json().keys() == {"name", "version", "about", "links", "documents", "example"}
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert f"<h1>{front.json()['name']}</h1>" in page.text
    assert f"Version {front.json()['version']}" in page.text
    assert front.headers["vary"] == page.headers["vary"] == "Accept"


async def test_head_answers_as_get_does(client: httpx.AsyncClient) -> None:
    for headers in ({}, HTML):
        head = await client.head("/", headers=headers)
        get = await client.get("/", headers=headers)

        assert head.status_code == 200
        for name in ("content-type", "content-length", *STRICT):
            assert head.headers[name] == get.headers[name]


async def test_every_link_leads_somewhere(client: httpx.AsyncClient) -> None:
    front = (await client.get("/")).json()
    page = (await client.get("/", headers=HTML)).text

    assert re.findall(r'href="([^"]+)"', page) == list(front["links"])
    for path in front["links"]:
        # A service that has just been made may not be ready; it says so itself.
        assert (await client.get(path)).status_code in ({200, 503} if path == "/readyz" else {200})
    for path in front["documents"]:
        assert (ROOT / path).is_file()
        assert f"<code>{path}</code>" in page


async def test_the_page_runs_nothing_and_loads_nothing(client: httpx.AsyncClient) -> None:
    answer = await client.get("/", headers=HTML)
    policy = answer.headers["content-security-policy"].split("; ")

    assert policy[0] == "default-src 'none'"
    assert "frame-ancestors 'none'" in policy
    style = re.findall(r"<style>(.+?)</style>", answer.text, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in style]
    assert [f"style-src 'sha256-{digest}'" for digest in digests] == policy[1:2]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers.keys() >= STRICT
    assert not re.search(r"<script|<img|<link|<iframe|\bsrc=|\bon\w+=|style=", answer.text)
    assert '<html lang="en">' in answer.text
    assert len(answer.content) < 5_000


async def test_the_example_names_no_key_and_nothing_that_was_sent(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/?q=%3Cb%3E", headers={**HTML, "Host": "evil.example"})
    example = (await client.get("/")).json()["example"]

    assert "evil" not in answer.text
    assert "<b>" not in answer.text
    assert "sl_" not in example
    assert re.search(r"Bearer \$STAGELINE_(WRITE|SECRET)_KEY", example)


async def test_other_methods_are_refused_with_the_allowed_ones(client: httpx.AsyncClient) -> None:
    answer = await client.post("/")

    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


async def test_one_port_serves_the_document_that_is_checked_in(database_url: str) -> None:
    async with app_of("standalone", database_url) as app:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://front.test") as client:
            answer = await client.get("/openapi.json")

    assert httpx.Response(200, text=published()).json() == answer.json()
