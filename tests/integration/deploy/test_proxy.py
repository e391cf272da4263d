"""The proxies of deploy/proxy, started with their shipped files in front of two servers that echo.

That a path reaches the right service is compared with the routes in tests/unit/test_proxy.py.
"""

import http.client
import json
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from shared.errors import FatalError
from tests.conftest import require
from tests.support import proxies
from tests.support.eventually import eventually
from tests.support.processes import free_port

Answer = tuple[int, dict[str, Any]]

TO_INGEST = (
    "/v1/touchpoints", "/v1/b", "/v1/batch", "/v1/pixel.gif?key=sl_wk_0", "/v1/people/a%2Fb%20c:erase",
    "/v1/people/a%2Fb:merge", "/v1/people/a:unmerge", "/v1/accounts/a%2Fb:merge", "/v1/accounts/a:unmerge",
    "/v1/webhooks/stripe/src", "/v1/projects/sl_wk_0/settings", "/batch/", "/e/?ip=1&_=2", "/i/v0/e/",
    "/i/v1/analytics/events", "/flags/?v=2", "/decide", "/array/sl_wk_0/config.js", "/static/array.js",
    "/sourceConfig/?p=web", "/beacon/v1/batch?writeKey=0", "/pixel/v1/track", "/s.js",
)  # fmt: skip
TO_THE_API = (
    "/v1/stage?account_id=M%C3%BCller", "/v1/stage:batch", "/v1/accounts/a%2F%2Fb/history",
    "/v1/people/a%2Fb:suppress", "/v1/sources", "/v1/journeys/b2b/campaigns",
)  # fmt: skip
INSIDE = (
    "/", "/metrics", "/livez", "/readyz", "/openapi.json", "/v1/../metrics", "/v1/%2e%2e/metrics",
    "/e/..%2f..%2fmetrics", "//metrics", "/%6detrics", "/batchmetrics",
)  # fmt: skip


class _Echo(BaseHTTPRequestHandler):
    """Answers with what came, and keeps the paths."""

    protocol_version = "HTTP/1.1"

    def __init__(self, service: str, *arguments: Any) -> None:
        self._service = service
        super().__init__(*arguments)

    def _answer(self) -> None:
        size = len(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        content = {
            "service": self._service,
            "method": self.command,
            "path": self.path,
            "size": size,
            "host": self.headers["Host"],
            "proto": self.headers["X-Forwarded-Proto"],
            "key": self.headers["Authorization"],
        }
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_OPTIONS = do_PATCH = do_DELETE = _answer  # noqa: N815 - the base class's

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@contextmanager
def _echo(service: str) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Echo, service)) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def _ask(base: str, path: str, method: str = "GET", body: bytes = b"") -> Answer:
    """One request, its path as it is written here."""
    address = urlsplit(base)
    host, port = address.hostname or "", address.port
    connection = (
        http.client.HTTPSConnection(host, port, timeout=30, context=_ANY_CERTIFICATE)
        if address.scheme == "https"
        else http.client.HTTPConnection(host, port, timeout=30)
    )
    try:
        connection.request(method, path, body, {"Authorization": "Bearer sl_wk_0"})
        response = connection.getresponse()
        text = response.read()
    finally:
        connection.close()
    return response.status, json.loads(text) if response.status == http.client.OK else {}


_ANY_CERTIFICATE = ssl.create_default_context()
_ANY_CERTIFICATE.check_hostname = False
_ANY_CERTIFICATE.verify_mode = ssl.CERT_NONE


@pytest.fixture(scope="module", params=list(proxies.PACKAGES))
async def proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    """Address of a running proxy; without the program the tests are skipped by name."""
    program: str = request.param
    try:
        proxies.find(program)
    except FatalError as exc:
        require(available=False, reason=str(exc))
    folder = tmp_path_factory.mktemp(program)
    with (
        _echo("ingest") as ingest,
        _echo("api") as api,
        proxies.running(program, folder, port=free_port(), ingest=ingest, api=api) as base,
    ):

        async def answers() -> bool:
            try:
                return _ask(base, "/metrics")[0] == http.client.NOT_FOUND
            except OSError:
                return False

        await eventually(answers, within=30, every=0.1)
        yield base


@pytest.mark.parametrize(
    ("path", "service"),
    [*((path, "ingest") for path in TO_INGEST), *((path, "api") for path in TO_THE_API)],
)
def test_a_call_reaches_its_service_as_it_was_sent(proxy: str, path: str, service: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        status, echo = _ask(proxy, path, method, b"{}" if method == "POST" else b"")

        assert (status, echo["service"], echo["method"], echo["path"]) == (
            200, service, method, path,
        )  # fmt: skip


def test_senders_see_the_address_and_the_protocol_of_the_proxy(proxy: str) -> None:
    _, echo = _ask(proxy, "/v1/projects/sl_wk_0/settings")

    assert f"{echo['proto']}://{echo['host']}" == proxy
    assert echo["key"] == "Bearer sl_wk_0"


def test_the_largest_body_of_a_webhook_passes(proxy: str) -> None:
    assert _ask(proxy, "/v1/webhooks/generic/src", "POST", b"x" * 6_000_000)[1]["size"] == 6_000_000


@pytest.mark.parametrize("path", INSIDE)
def test_what_is_for_the_inside_does_not_pass(proxy: str, path: str) -> None:
    # nginx refuses a path that leads above the root before it reads its rules.
    assert _ask(proxy, path)[0] in {http.client.NOT_FOUND, http.client.BAD_REQUEST}
