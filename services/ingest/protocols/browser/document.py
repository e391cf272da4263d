"""What browser SDKs fetch at start, in the OpenAPI document."""

from services.ingest.http.query import secret_key_in_address
from services.ingest.http.rejections import RequestRejected
from services.ingest.protocols.browser import route as browser
from services.ingest.protocols.common.document import DocumentContext, Section, responses
from shared.http.openapi import Json

TAGS = {"browser": "What browser SDKs fetch at start: nothing that depends on the key."}

_EXAMPLE_KEY = f"sl_wk_{'0' * 12}_{'0' * 48}"
_PATH_KEY: Json = {
    "name": "write_key",
    "in": "path",
    "required": True,
    "description": "A write key; one that does not work gets the same answer.",
    "schema": {"type": "string", "pattern": "^sl_wk_[0-9a-f]{12}_[0-9a-f]{48}$"},
    "example": _EXAMPLE_KEY,
}
_VERSION: Json = {
    "name": "v",
    "in": "query",
    "description": "Form of the answer that the SDK knows; all are answered alike.",
    "schema": {"type": "integer"},
}
_OBJECT: Json = {"type": "object"}


def section(context: DocumentContext) -> Section:
    """The paths of SDKs; PostHog's flags are served without the last slash, too."""
    del context
    settings = {
        "integrations": {"Segment.io": {"apiKey": _EXAMPLE_KEY, "apiHost": "events.example/v1"}},
        "metrics": {"sampleRate": 0},
    }
    config = browser.config_of(_EXAMPLE_KEY)
    script = _script(browser.script_of(config).decode())
    return Section(
        tags=TAGS,
        paths={
            browser.SCRIPT: {
                "get": _operation(
                    "browserScript",
                    "Script for a page without an SDK",
                    "Asks for consent, then sends page views. The tag that loads it holds the key.",
                    _script("(() => { const script = document.currentScript; /* ... */ })()"),
                    refused=[],
                    parameters=[],
                )
            },
            browser.SETTINGS: {
                "get": _operation(
                    "browserSettings",
                    "Settings of analytics.js",
                    "Where to send, for `cdnURL`. The address is `STAGELINE_PUBLIC_BASE_URL`, else the one"
                    " by which this request came.",
                    _json(settings),
                    refused=[browser.no_write_key(), browser.no_address()],
                )
            },
            browser.CONFIG: {
                "get": _operation(
                    "browserConfig",
                    "Settings of posthog-js",
                    "Nothing is switched on that this service has nothing for.",
                    _json(config),
                    refused=[browser.no_write_key()],
                )
            },
            browser.CONFIG_SCRIPT: {
                "get": _operation(
                    "browserConfigScript",
                    "Settings of posthog-js, as a script",
                    "Leaves the settings where the SDK looks for them.",
                    script,
                    refused=[browser.no_write_key()],
                )
            },
            **{
                path: {
                    method: _operation(
                        f"browser{name}{method.capitalize()}",
                        "PostHog's feature flags",
                        "There are none. The body is not looked at.",
                        _json(browser.FLAGS_ANSWER),
                        refused=[],
                    )
                    for method in ("get", "post")
                }
                for path, name in (("/flags/", "Flags"), ("/decide/", "Decide"))
            },
        },
    )


def _script(example: str) -> Json:
    return {"application/javascript": {"schema": {"type": "string"}, "example": example}}


def _json(example: object) -> Json:
    return {"application/json": {"schema": _OBJECT, "example": example}}


def _operation(
    name: str,
    summary: str,
    description: str,
    content: Json,
    *,
    refused: list[RequestRejected],
    parameters: list[Json] | None = None,
) -> Json:
    return {
        "operationId": name,
        "tags": ["browser"],
        "summary": summary,
        "description": description,
        "security": [{}],
        "parameters": [_PATH_KEY if refused else _VERSION] if parameters is None else parameters,
        "responses": responses(
            {"200": {"description": "As asked.", "content": content}},
            [*refused, secret_key_in_address()],
        ),
    }
