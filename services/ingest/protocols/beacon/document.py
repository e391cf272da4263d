"""The beacon in the OpenAPI document."""

from services.ingest.http.query import invalid_query
from services.ingest.protocols.beacon.route import PATH
from services.ingest.protocols.common.document import DocumentContext, Section, reference
from services.ingest.protocols.touchpoints.document import LATER, native_responses
from shared.http.openapi import Json
from shared.keys.principal import Scope

TAGS = {"beacon": "For pages that are being left."}

BEACON: Json = {"write_key": "sl_wk_...", "touchpoints": [LATER]}


def section(context: DocumentContext) -> Section:
    """The one path."""
    limits, one = context.limits, reference("Touchpoint")
    many = {"type": "array", "items": one, "maxItems": limits.max_events}
    wrapped = {
        "type": "object",
        "properties": {"write_key": {"type": "string"}, "touchpoints": many},
        "required": ["write_key", "touchpoints"],
    }
    return Section(
        tags=TAGS,
        paths={
            PATH: {
                "post": {
                    "operationId": "sendBeacon",
                    "tags": ["beacon"],
                    "summary": "Send touchpoints by navigator.sendBeacon",
                    "description": "The body of `POST /v1/touchpoints` with the key in the query or as"
                    f" bearer, or both in one object. Any content type.\n\nScope: `{Scope.EVENTS_WRITE}`.",
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
                    "responses": native_responses([*context.rejections, invalid_query()]),
                }
            }
        },
    )
