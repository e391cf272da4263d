"""What browser SDKs fetch before they send: the least that lets them start, and nothing to look up.

Who fetches is not authenticated: a key that no longer works gets the same words as one that does. So
nobody learns here which keys exist, a page starts while keys cannot be read, and the events that follow
are refused where refusals are counted. Only what can be no write key is told so.
"""

import re
from typing import ClassVar

import msgspec
from starlette.routing import Route
from starlette.types import Receive

from services.ingest.http import body
from services.ingest.http import response as answers
from services.ingest.http.body import Lease
from services.ingest.http.rejections import RequestRejected
from services.ingest.http.response import RawResponse
from services.ingest.intake import Ingest
from services.ingest.protocols.common.endpoint import Endpoint, Request
from services.ingest.protocols.posthog.route import PREFLIGHT
from shared.keys import token as tokens
from shared.keys.token import KeyKind

SETTINGS = "/v1/projects/{write_key}/settings"
CONFIG = "/array/{write_key}/config"
CONFIG_SCRIPT = "/array/{write_key}/config.js"
FLAGS = ("/flags/", "/flags", "/decide/", "/decide")
SCRIPTS = ("/static/{name:path}", "/array/{write_key}/array.js")
"""Scripts that PostHog's own address serves and this one does not."""

_KEPT = answers.raw({"Cache-Control": "private, max-age=300", "X-Content-Type-Options": "nosniff"})
"""By the browser alone: the answer may depend on the address by which it came."""
_SCRIPT = [
    *_KEPT,
    (b"content-type", b"application/javascript"),
    (b"cross-origin-resource-policy", b"cross-origin"),
]
_HOST = re.compile(r"[A-Za-z0-9.-]{1,255}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")

_COMPRESSION = ["gzip", "gzip-js"]
FLAGS_ANSWER = {
    "flags": {},
    "featureFlags": {},
    "featureFlagPayloads": {},
    "errorsWhileComputingFlags": False,
    "supportedCompression": _COMPRESSION,
    "sessionRecording": False,
    "siteApps": [],
}


class _Stub(Endpoint):
    """Answers a question that needs neither key nor body."""

    methods: ClassVar[frozenset[str]] = frozenset({"GET"})

    def options(self, request: Request) -> RawResponse:
        """Whatever headers a page has its SDK send."""
        del request
        return PREFLIGHT


class SettingsEndpoint(_Stub):
    """What analytics.js fetches from its `cdnURL`: where to send."""

    async def answer(self, request: Request, receive: Receive, lease: Lease) -> RawResponse:
        """Name our own address, or the SDK would send to its maker's."""
        del receive, lease
        write_key = _write_key(request)
        protocol, _, address = self._address(request).partition("://")
        segment = {
            "apiKey": write_key,
            "apiHost": f"{address}/v1",
            "protocol": protocol,
            # What is sent while a page is left arrives.
            "deliveryStrategy": {"config": {"keepalive": True}},
        }
        # Else the SDK would tell its maker how it fares.
        metrics = {"sampleRate": 0}
        return answers.json(
            200, {"integrations": {"Segment.io": segment}, "metrics": metrics}, headers=_KEPT
        )

    def _address(self, request: Request) -> str:
        if self.ingest.public_base_url:
            return self.ingest.public_base_url
        host = (request.header(b"host") or b"").decode("latin-1")
        if not _HOST.fullmatch(host):
            raise no_address()
        forwarded = request.header(b"x-forwarded-proto")
        return f"{'https' if forwarded == b'https' else request.scheme}://{host}"


class ConfigEndpoint(_Stub):
    """What posthog-js fetches: as JSON, or as a script that leaves it where the SDK looks."""

    async def answer(self, request: Request, receive: Receive, lease: Lease) -> RawResponse:
        """Switch off all that this service has nothing for."""
        del receive, lease
        config = config_of(_write_key(request))
        if self.path == CONFIG:
            return answers.json(200, config, headers=_KEPT)
        return answers.of_bytes(200, script_of(config), _SCRIPT)


class FlagsEndpoint(_Stub):
    """There are no feature flags here; a page that waits for them need not wait."""

    methods: ClassVar[frozenset[str]] = frozenset({"GET", "POST"})

    async def answer(self, request: Request, receive: Receive, lease: Lease) -> RawResponse:
        """Read what is asked, or the connection could not be used again, and do without it."""
        await body.read(
            receive,
            content_length=request.content_length,
            content_encoding=None,
            may_answer_first=request.expect is not None,
            limits=self.ingest.limits,
            lease=lease,
        )
        return _NO_FLAGS


class ScriptEndpoint(_Stub):
    """A script that is not served here."""

    async def answer(self, request: Request, receive: Receive, lease: Lease) -> RawResponse:
        """No page, lest the browser read one as a script."""
        del request, receive, lease
        return _NO_SCRIPT


_NO_FLAGS = answers.json(200, FLAGS_ANSWER)
_NO_SCRIPT = answers.of_bytes(404, b"", _SCRIPT)


def config_of(write_key: str) -> dict[str, object]:
    """Settings of posthog-js."""
    return {
        "token": write_key,
        "supportedCompression": _COMPRESSION,
        "autocapture_opt_out": False,
        "captureDeadClicks": False,
        "capturePerformance": False,
        "conversations": False,
        "defaultIdentifiedOnly": True,
        "elementsChainAsString": True,
        "errorTracking": {"autocaptureExceptions": False, "suppressionRules": []},
        "heatmaps": False,
        "logs": {"captureConsoleLogs": False},
        "productTours": False,
        "sessionRecording": False,
        "siteApps": [],
        # `surveys` is left out on purpose: told that there are none, the SDK fetches a script for them.
    }


def script_of(config: dict[str, object]) -> bytes:
    """The same as a script; a key is letters, digits and underscores, so nothing in it can break out."""
    text = msgspec.json.encode(config).decode()
    return (
        "(function(w){w=w._POSTHOG_REMOTE_CONFIG=w._POSTHOG_REMOTE_CONFIG||{};"
        f'w["{config["token"]}"]={{config:{text},siteApps:[]}}}})(window);\n'
    ).encode()


def _write_key(request: Request) -> str:
    """The key in the path, if it has the form of one. Raises RequestRejected."""
    key = request.params["write_key"]
    parsed = tokens.parse(key)
    if parsed is None or parsed.kind is not KeyKind.WRITE:
        raise no_write_key()
    return key.strip()


def no_write_key() -> RequestRejected:
    """The path names something else."""
    return RequestRejected(
        404, "no_write_key", "The path names no write key, which begins with `sl_wk_`."
    )


def no_address() -> RequestRejected:
    """Where senders reach us is not known."""
    return RequestRejected(
        400, "no_address", "The request's `Host` is no host name, by which to send events."
    )


def routes(ingest: Ingest) -> list[Route]:
    """Every path that is fetched."""
    return [
        *(Route(path, FlagsEndpoint(ingest, path)) for path in FLAGS),
        Route(SETTINGS, SettingsEndpoint(ingest, SETTINGS)),
        Route(CONFIG, ConfigEndpoint(ingest, CONFIG)),
        Route(CONFIG_SCRIPT, ConfigEndpoint(ingest, CONFIG_SCRIPT)),
        *(Route(path, ScriptEndpoint(ingest, path)) for path in SCRIPTS),
    ]
