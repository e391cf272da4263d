"""The script for a page without an SDK, as it is served; that it works is proved in a browser."""

import httpx


async def test_any_page_may_load_the_script_and_keep_it_for_an_hour(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/s.js", headers={"Origin": "https://shop.example"})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/javascript"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < 2_048
    assert "globalPrivacyControl" in answer.text


async def test_a_sender_that_cannot_unpack_gets_it_as_it_is(client: httpx.AsyncClient) -> None:
    answer = await client.get("/s.js", headers={"Accept-Encoding": "identity"})

    assert "content-encoding" not in answer.headers
    assert answer.text.startswith("// Stageline in a page")


async def test_the_script_names_no_other_address(client: httpx.AsyncClient) -> None:
    text = (await client.get("/s.js")).text

    assert "http:" not in text
    assert "https:" not in text
