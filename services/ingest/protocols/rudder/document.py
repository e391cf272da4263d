"""RudderStack's own calls in the OpenAPI document; its others are Segment's."""

from services.ingest.http.query import secret_key_in_address
from services.ingest.protocols.common.document import (
    DocumentContext,
    Section,
    image_responses,
    responses,
)
from services.ingest.protocols.rudder import route as rudder
from services.ingest.protocols.segment.document import call_responses, operation_of
from shared.http.openapi import Json
from shared.keys.principal import Scope

TAGS = {"rudderstack": "What RudderStack's SDKs call beside Segment's paths."}

_KEY: Json = {
    "name": "writeKey",
    "in": "query",
    "schema": {"type": "string"},
    "description": "The write key, where no header can carry it.",
}
_FIELDS = {
    "event": "What happened, of `track`.",
    "name": "The page, of `page`; joins the properties.",
    "userId": "The person, as your own system names them.",
    "anonymousId": "The device.",
    "messageId": "Names the call for ever; with it, opening twice counts once.",
    "context.groupId": "The account.",
}


def section(context: DocumentContext) -> Section:
    """Its paths; a beacon takes and returns what Segment's batch does."""
    _, references = call_responses(context)
    beacon = operation_of(None, references, context.limits, "A batch, whatever its content type.")
    return Section(
        tags=TAGS,
        paths={
            rudder.BEACON: {
                "post": {
                    "operationId": "rudderBeacon",
                    "tags": ["rudderstack"],
                    "summary": "RudderStack's batch by navigator.sendBeacon",
                    **beacon,
                    "parameters": [_KEY, *beacon["parameters"]],
                    "security": [{"keyInQuery": []}, {"writeKey": []}, {"key": []}, {}],
                }
            },
            **{path: {"get": _pixel(path)} for path in rudder.PIXELS},
            rudder.SOURCE_CONFIGS[0]: {"get": _source_config()},
        },
    )


def _pixel(path: str) -> Json:
    kind = rudder.PIXELS[path]
    return {
        "operationId": f"rudderPixel{kind.capitalize()}",
        "tags": ["rudderstack"],
        "summary": f"RudderStack's {kind}, by an image",
        "description": "Parameters are the fields of the call, with a dot for what is inside:"
        f" `properties.plan=pro`.\n\nScope: `{Scope.EVENTS_WRITE}`.",
        "x-scope": Scope.EVENTS_WRITE.value,
        "security": [{"keyInQuery": []}],
        "parameters": [
            _KEY,
            *(
                {"name": name, "in": "query", "schema": {"type": "string"}, "description": about}
                for name, about in _FIELDS.items()
            ),
        ],
        "responses": image_responses(400, 401, 403, 413, 422, 429, 500, 503),
    }


def _source_config() -> Json:
    content = {
        "application/json": {
            "schema": {"type": "object"},
            "example": rudder.source_config("0" * 12),
        }
    }
    return {
        "operationId": "rudderSourceConfig",
        "tags": ["rudderstack"],
        "summary": "Settings of RudderStack's browser SDK",
        "description": "For `configUrl`. No destinations; the key is not looked up.",
        "security": [{"writeKey": []}, {}],
        "parameters": [_KEY],
        "responses": responses(
            {"200": {"description": "As asked.", "content": content}},
            [rudder.no_write_key(), secret_key_in_address()],
        ),
    }
