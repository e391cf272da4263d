"""No path of ingest takes a secret key, or an operator's, in its address, under whatever name."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from services.ingest.document import part
from services.ingest.limits import Limits
from shared.http.openapi import document
from shared.keys.token import KeyKind
from tests.unit.ingest.conftest import FakeDatabase, ListLog

DESCRIBED: dict[str, Any] = document("Stageline ingest", [part(Limits())])
NAMES = ("key", "write_key", "writeKey", "access_token", "token", "api_key", "secret", "anything")
PARAMETERS = {
    "provider": "generic",
    "source_id": "src",
    "person": "user:ann",
    "account_id": "acme",
    "message_id": "m-1",
    "import_id": "i-1",
}


def calls(**parameters: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of each call."""
    for template, methods in DESCRIBED["paths"].items():
        for method, described in methods.items():
            url = template.format(write_key=f"sl_wk_{'0' * 12}_{'0' * 48}", **parameters)
            yield method.upper(), url, described


def code_of(answer: httpx.Response) -> str:
    if answer.headers["content-type"] == "image/gif":
        return answer.headers["x-stageline-error"]
    code: str = answer.json()["code"]
    return code


@pytest.mark.parametrize("kind", [KeyKind.SECRET, KeyKind.OPERATOR])
@pytest.mark.parametrize("name", NAMES)
async def test_a_secret_key_in_the_query_is_refused_by_every_call(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog, name: str, kind: KeyKind
) -> None:
    token = database.put(kind).token
    written = (token, token.replace("_", "%5F"), f"x%20{token}")

    for method, url, described in calls(**PARAMETERS):
        for text in written:
            answer = await client.request(method, f"{url}?event=A&user_id=1&{name}={text}")

            assert (answer.status_code, code_of(answer)) == (403, "secret_key_in_address"), url
            assert token not in answer.text
        assert "403" in described["responses"], url
    assert event_log.records == []


@pytest.mark.parametrize(
    "path",
    ["/v1/projects/{}/settings", "/array/{}/config", "/array/{}/config.js", "/array/{}/array.js"],
)
async def test_a_secret_key_in_the_path_of_a_browser_is_refused(
    client: httpx.AsyncClient, database: FakeDatabase, path: str
) -> None:
    token = database.put(KeyKind.SECRET).token

    for text in (token, token.replace("_", "%5f")):
        answer = await client.get(path.format(text))

        assert (answer.status_code, code_of(answer)) == (403, "secret_key_in_address")
        assert token not in answer.text


async def test_a_secret_key_in_a_header_and_a_write_key_in_the_query_send_as_before(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    secret, write = database.put(KeyKind.SECRET).token, database.put(KeyKind.WRITE).token

    by_header = await client.post(
        "/v1/touchpoints",
        headers={"Authorization": f"Bearer {secret}"},
        json={"event": "A", "user_id": "1"},
    )
    by_query = await client.get("/v1/pixel.gif", params={"key": write, "user_id": "1"})

    assert (by_header.status_code, by_query.status_code) == (202, 200)
    assert len(event_log.records) == 2
