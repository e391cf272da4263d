"""The beacon in the OpenAPI document."""

from collections.abc import Sequence

from services.ingest.http.query import unreadable
from services.ingest.http.rejections import RequestRejected
from services.ingest.limits import Limits
from services.ingest.protocols.beacon.route import PATH
from services.ingest.protocols.touchpoints import document as touchpoints
from shared.http.openapi import REF, Json
from shared.keys.principal import Scope

TAGS = {"beacon": "For pages that are being left."}

BEACON: Json = {"write_key": "sl_wk_...", "touchpoints": [touchpoints.LATER]}


def paths(limits: Limits, away: Sequence[RequestRejected]) -> Json:
    """The one path; `away` are the ways in which any request is turned away."""
    one = {"$ref": REF.format(model="Touchpoint")}
    many = {"type": "array", "items": one, "maxItems": limits.max_events}
    wrapped = {
        "type": "object",
        "properties": {"write_key": {"type": "string"}, "touchpoints": many},
        "required": ["write_key", "touchpoints"],
    }
    return {
        PATH: {
            "post": {
                "operationId": "sendBeacon",
                "tags": ["beacon"],
                "summary": "Send touchpoints by navigator.sendBeacon",
                "description": "The body of `POST /v1/touchpoints` with the key in the query or as bearer,"
                f" or both in one object. Any content type.\n\nScope: `{Scope.EVENTS_WRITE}`.",
                "x-scope": Scope.EVENTS_WRITE.value,
                "security": [{"keyInQuery": []}, {"key": []}, {}],
                "requestBody": {
                    "required": True,
                    "content": {
                        "text/plain": {
                            "schema": {"type": "string"},
                            "example": '{"event": "Page Left", "anonymous_id": "7f3a"}',
                        },
                        "application/json": {
                            "schema": {"oneOf": [one, many, wrapped]},
                            "example": BEACON,
                        },
                    },
                },
                "responses": touchpoints.responses([*away, unreadable()]),
            }
        }
    }
