"""CloudEvents in the OpenAPI document."""

from services.ingest.http.query import invalid_query
from services.ingest.http.rejections import body_rejected
from services.ingest.protocols.cloudevents.parse import BAD_BATCH, BATCHED, STRUCTURED
from services.ingest.protocols.cloudevents.route import PATH, no_cloudevent
from services.ingest.protocols.common.document import DocumentContext, Section, reference
from services.ingest.protocols.touchpoints.document import native_responses
from shared.http.openapi import Json
from shared.keys.principal import Scope

TAGS = {"cloudevents": "CloudEvents 1.0 over HTTP."}

EXAMPLE: Json = {
    "specversion": "1.0",
    "id": "4711",
    "source": "/crm/deals",
    "type": "Deal Stage Changed",
    "time": "2026-03-02T09:30:00Z",
    "subject": "acme",
    "data": {"stage": "contract"},
}
_TEXT: Json = {"type": "string", "minLength": 1}
SCHEMAS: Json = {
    "CloudEvent": {
        "type": "object",
        "description": "An event of the specification's JSON format. Who it was stands in the"
        " extension attributes `accountid`, `userid`, `anonymousid`, `email`, in `data` under our"
        " names, or in `subject`; a provider's record of the person or account in `externalid` or"
        " `accountexternalid`. A `type` of `stageline.touchpoint.v1` says that `data` is a"
        " touchpoint in our own form.",
        "properties": {
            "specversion": {"const": "1.0"},
            "id": _TEXT,
            "source": {**_TEXT, "description": "With `id` it names the event for ever."},
            "type": {**_TEXT, "description": "The event's name."},
            "time": {"type": "string", "format": "date-time"},
            "subject": {"type": "string"},
            "data": {},
            "data_base64": {"type": "string"},
        },
        "required": ["specversion", "id", "source", "type"],
    }
}


def section(context: DocumentContext) -> Section:
    """The one path."""
    limits, one = context.limits, reference("CloudEvent")
    return Section(
        tags=TAGS,
        schemas=SCHEMAS,
        paths={
            PATH: {
                "post": {
                    "operationId": "sendCloudEvents",
                    "tags": ["cloudevents"],
                    "summary": "Send CloudEvents",
                    "description": "Structured and batched by content type, binary by the headers"
                    " `ce-specversion`, `ce-id`, `ce-source` and `ce-type`. The handshake of the webhook"
                    " specification (`OPTIONS` with `WebHook-Request-Origin`) is answered.\n\nScope:"
                    f" `{Scope.EVENTS_WRITE}`.",
                    "x-scope": Scope.EVENTS_WRITE.value,
                    "security": [{"key": []}, {"keyInQuery": []}],
                    "requestBody": {
                        "required": True,
                        "description": f"At most {limits.max_body_bytes} bytes after decompression,"
                        f" {limits.max_events} events, and {limits.max_event_bytes} bytes an event.",
                        "content": {
                            STRUCTURED.decode(): {"schema": one, "example": EXAMPLE},
                            BATCHED.decode(): {
                                "schema": {
                                    "type": "array",
                                    "items": one,
                                    "maxItems": limits.max_events,
                                },
                                "example": [EXAMPLE],
                            },
                        },
                    },
                    "responses": native_responses(
                        [
                            *context.rejections,
                            body_rejected(BAD_BATCH),
                            no_cloudevent(),
                            invalid_query(),
                        ]
                    ),
                }
            }
        },
    )
