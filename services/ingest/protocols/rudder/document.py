"""RudderStack's own calls in the OpenAPI document; its others are Segment's."""

import msgspec

from services.ingest.limits import Limits
from services.ingest.protocols.common.endpoint import as_problem
from services.ingest.protocols.rudder import route as rudder
from services.ingest.protocols.segment import document as segment
from services.ingest.protocols.segment.document import Described
from shared.http.openapi import Json, fault_answer, refusal
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


def paths(called: Described, limits: Limits) -> Json:
    """Its paths; beacons take and answer what `called` says of batches."""
    beacon = segment.body_of(None, called.responses, limits, "A batch, whatever its content type.")
    return {
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
    }


def _pixel(path: str) -> Json:
    kind = rudder.PIXELS[path]
    image: Json = {"content": {"image/gif": {"schema": {"type": "string", "format": "binary"}}}}
    problem = {"description": "Not stored; the header `X-Stageline-Error` has the code.", **image}
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
        "responses": {
            "200": {"description": "Stored.", **image},
            **{str(status): problem for status in (400, 401, 403, 413, 422, 429, 500, 503)},
        },
    }


def _source_config() -> Json:
    unknown = rudder.no_write_key()
    refused: Json = msgspec.json.decode(as_problem(unknown).body)
    return {
        "operationId": "rudderSourceConfig",
        "tags": ["rudderstack"],
        "summary": "Settings of RudderStack's browser SDK",
        "description": "For `configUrl`. No destinations; the key is not looked up.",
        "security": [{"writeKey": []}, {}],
        "parameters": [_KEY],
        "responses": {
            "200": {
                "description": "As asked.",
                "content": {
                    "application/json": {
                        "schema": {"type": "object"},
                        "example": rudder.source_config("0" * 12),
                    }
                },
            },
            str(unknown.status): refusal(unknown.status, {unknown.code: {"value": refused}}),
            "500": fault_answer(),
        },
    }
