"""What browser SDKs fetch before they send: the least that lets them start, without any look-up.

Requests are not authenticated: a revoked key gets the same response as a valid one. So these paths do not
reveal which keys exist, a page starts while keys cannot be read, and its events are refused where refusals
are counted. Only text that cannot be a write key is rejected.
"""

import gzip
import re
from importlib.resources import files

import msgspec
from starlette.routing import Route

from services.ingest.http import response
from services.ingest.http.rejections import RequestRejected
from services.ingest.http.response import RawResponse
from services.ingest.intake import Ingest
from services.ingest.protocols.common.endpoint import Conventions, plain_route
from services.ingest.protocols.common.exchange import Exchange
from services.ingest.protocols.posthog.route import PREFLIGHT
from shared.keys import token as tokens
from shared.keys.token import KeyKind

SETTINGS = "/v1/projects/{write_key}/settings"
CONFIG = "/array/{write_key}/config"
CONFIG_SCRIPT = "/array/{write_key}/config.js"
SCRIPT = "/s.js"
FLAGS = ("/flags/", "/flags", "/decide/", "/decide")
SCRIPTS = ("/static/{name:path}", "/array/{write_key}/array.js")
"""Scripts that PostHog's own address serves and this one does not."""

_CACHE = response.raw(
    {"Cache-Control": "private, max-age=300", "X-Content-Type-Options": "nosniff"}
)
"""`private`: the response may depend on the address of the request."""
_SCRIPT = [
    *_CACHE,
    (b"content-type", b"application/javascript"),
    (b"cross-origin-resource-policy", b"cross-origin"),
]
_OWN_SCRIPT = files(__package__).joinpath("s.js").read_bytes()
_OWN_SCRIPT_HEADERS = [
    *response.raw(
        {
            "Cache-Control": "public, max-age=3600",
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
    ),
    *_SCRIPT[len(_CACHE) :],
]
_PLAIN_SCRIPT = response.of_bytes(200, _OWN_SCRIPT, _OWN_SCRIPT_HEADERS)
_PACKED_SCRIPT = response.of_bytes(
    200,
    gzip.compress(_OWN_SCRIPT, mtime=0),
    [*_OWN_SCRIPT_HEADERS, (b"content-encoding", b"gzip")],
)
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


_NO_FLAGS = response.json(200, FLAGS_ANSWER)
# Not a page, or the browser would run one as a script.
_NO_SCRIPT = response.of_bytes(404, b"", _SCRIPT)

_GET = Conventions(methods=frozenset({"GET"}), preflight=lambda _: PREFLIGHT)
_FLAGS = Conventions(methods=frozenset({"GET", "POST"}), preflight=lambda _: PREFLIGHT)


def routes(ingest: Ingest) -> list[Route]:
    """Every path that browser SDKs fetch."""
    return [
        *(plain_route(ingest, path, _serve_flags, _FLAGS) for path in FLAGS),
        plain_route(ingest, SCRIPT, _serve_own_script, _GET),
        plain_route(ingest, SETTINGS, _serve_settings, _GET),
        plain_route(ingest, CONFIG, _serve_config, _GET),
        plain_route(ingest, CONFIG_SCRIPT, _serve_config_script, _GET),
        *(plain_route(ingest, path, _serve_no_script, _GET) for path in SCRIPTS),
    ]


async def _serve_settings(exchange: Exchange) -> RawResponse:
    """Settings of analytics.js, by its `cdnURL`: our own address, or it would send to its maker's."""
    write_key = _write_key(exchange)
    protocol, _, address = _address(exchange).partition("://")
    segment = {
        "apiKey": write_key,
        "apiHost": f"{address}/v1",
        "protocol": protocol,
        # Events that are sent while a page is left arrive.
        "deliveryStrategy": {"config": {"keepalive": True}},
    }
    # Or the SDK would send its own metrics to its maker.
    metrics = {"sampleRate": 0}
    return response.json(
        200, {"integrations": {"Segment.io": segment}, "metrics": metrics}, headers=_CACHE
    )


async def _serve_own_script(exchange: Exchange) -> RawResponse:
    """The script of a page without an SDK: the same for every key, which the page's tag holds."""
    accepted = exchange.header(b"accept-encoding") or b""
    return _PACKED_SCRIPT if b"gzip" in accepted else _PLAIN_SCRIPT


async def _serve_config(exchange: Exchange) -> RawResponse:
    """Settings of posthog-js: everything is off that this service does not have."""
    return response.json(200, config_of(_write_key(exchange)), headers=_CACHE)


async def _serve_config_script(exchange: Exchange) -> RawResponse:
    """The same settings, as a script that puts them where the SDK looks."""
    return response.of_bytes(200, script_of(config_of(_write_key(exchange))), _SCRIPT)


async def _serve_flags(exchange: Exchange) -> RawResponse:
    """No feature flags. The body is read, or the connection could not be used again, and ignored."""
    await exchange.received(is_raw=True)
    return _NO_FLAGS


async def _serve_no_script(exchange: Exchange) -> RawResponse:
    """A script that is not served here."""
    del exchange
    return _NO_SCRIPT


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
        # Without `surveys` on purpose: an empty list makes the SDK fetch a script for them.
    }


def script_of(config: dict[str, object]) -> bytes:
    """The settings as a script; a key has no character that could end its string."""
    text = msgspec.json.encode(config).decode()
    return (
        "(function(w){w=w._POSTHOG_REMOTE_CONFIG=w._POSTHOG_REMOTE_CONFIG||{};"
        f'w["{config["token"]}"]={{config:{text},siteApps:[]}}}})(window);\n'
    ).encode()


def _address(exchange: Exchange) -> str:
    """Address of this service, by its settings or by the request. Raises RequestRejected."""
    if exchange.ingest.public_base_url:
        return exchange.ingest.public_base_url
    host = (exchange.header(b"host") or b"").decode("latin-1")
    if not _HOST.fullmatch(host):
        raise no_address()
    forwarded = exchange.header(b"x-forwarded-proto")
    scheme = "https" if forwarded == b"https" else exchange.scope.get("scheme", "http")
    return f"{scheme}://{host}"


def _write_key(exchange: Exchange) -> str:
    """The key in the path, if it has the form of one. Raises RequestRejected."""
    key = exchange.path_parameter("write_key")
    parsed = None if key is None else tokens.parse(key)
    if key is None or parsed is None or parsed.kind is not KeyKind.WRITE:
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
