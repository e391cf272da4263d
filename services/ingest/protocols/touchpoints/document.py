"""The native protocol in the OpenAPI document: its touchpoint, and responses that other protocols share.

Schemas come from the decoder's struct, example errors from the responses that are sent.
"""

from collections.abc import Iterable

import msgspec

from services.ingest.events.candidate import Candidate
from services.ingest.events.verdicts import RefusalCode, Refused
from services.ingest.http.rejections import RequestRejected
from services.ingest.protocols.common.document import (
    DocumentContext,
    Section,
    example_of,
    reference,
    responses,
    succeeded,
)
from services.ingest.protocols.touchpoints.route import PATH, verdicts
from shared.contracts.names import RESERVED_PREFIXES
from shared.http.openapi import Json
from shared.keys.principal import Scope

_PREFIXES = ", ".join(f"`{prefix}`" for prefix in RESERVED_PREFIXES)
_ABOUT = {
    "event": "What happened, like `Demo Requested`.",
    "account_id": f"The account. Does not begin with {_PREFIXES}.",
    "user_id": "The person, as your own system names them.",
    "anonymous_id": "The device or browser, before anybody has said who they are.",
    "email": "The person's address.",
    "external_id": "The person's record at a provider, like `hubspot:contact:8301`.",
    "account_external_id": "The account's record at a provider, like `hubspot:company:701`. The event"
    " belongs to the account of the record; beside it `account_id` says which account that is.",
    "occurred_at": "When it happened: RFC 3339 with an offset. Left out: now.",
    "sent_at": "The sender's clock at sending; corrects `occurred_at` for a wrong clock.",
    "message_id": "Names the event for ever: sent again by the same source, it counts once. Left out: made.",
    "message_id_scope": "What numbers its own events, where one sender passes on those of several systems:"
    " a `message_id` counts once in each.",
    "sequence": "Place among the sender's events of one instant, where only their order is known: the row of"
    " a file with days. Left out: the place in the body, and between requests the time of arrival.",
    "import_id": "The import that it belongs to: `DELETE /v1/imports/{import_id}` takes back all of it.",
    "channel": "Where it happened, like `website`.",
    "role": "The person's part in the decision, like `champion`.",
    "properties": "Facts about the event; your own fields belong here.",
    "traits": "Facts about the person.",
    "account_traits": "Facts about the account.",
    "sentiment": "From 1 (very unhappy) to 5 (very happy).",
    "emotion": "In a word; docs/touchpoints.md has a list.",
    "friction": "What was in the way, in a word; docs/touchpoints.md has a list.",
    "thought": "What the customer thought, in their words or the observer's.",
    "question": "What the customer wanted to know.",
    "survey": "Kind of question that `score` answers.",
    "score": "Answer to a survey: nps 0 to 10, csat and pulse 1 to 5, ces 1 to 7.",
    "logged_by": "Who reported it, where a person did: a sales rep, a support agent.",
    "internal": "True for work that the customer does not see, or that we do not.",
    "campaign": "What brought the customer here, by the names of the UTM convention.",
    "value": "What it is worth, in your own unit.",
    "context": "What surrounded it: `ip`, `userAgent`, `page`, `consent`.",
}
"""Description of each field (tested to be complete)."""

TOUCHPOINT: Json = {
    "event": "Demo Requested",
    "account_id": "acme",
    "user_id": "leah",
    "email": "leah@acme.example",
    "occurred_at": "2026-03-02T09:30:00Z",
    "message_id": "crm-117",
    "channel": "website",
    "role": "champion",
    "properties": {"plan": "pro", "seats": 40},
    "account_traits": {"industry": "manufacturing"},
    "sentiment": 4,
    "value": 12000.0,
}
LATER: Json = {"event": "Pricing Viewed", "account_id": "acme", "anonymous_id": "7f3a"}

_REJECTION: Json = {
    "type": "object",
    "description": "One event that was not stored. `index` counts from 0; blank lines do not count.",
    "properties": {
        "index": {"type": "integer", "minimum": 0},
        "code": {"type": "string", "description": "Stable; docs/ingest.md lists them."},
        "detail": {"type": "string"},
    },
    "required": ["index", "code", "detail"],
}
_IGNORED: Json = {
    "type": "array",
    "description": "Accepted events without ids that named nobody, like `undefined`. Left out without any.",
    "items": {
        "type": "object",
        "properties": {
            "index": {"type": "integer", "minimum": 0},
            "ids": {
                "type": "object",
                "description": "Field to the text that was left out.",
                "additionalProperties": {"type": "string"},
            },
        },
        "required": ["index", "ids"],
    },
}
_REMARKS: Json = {
    "type": "array",
    "description": "Accepted events that say less than their sender may expect. Left out without any.",
    "items": reference("Rejection"),
}
_VERDICTS: Json = {
    "accepted": {"type": "integer", "minimum": 0, "description": "Events that are stored."},
    "rejected": {"type": "array", "items": reference("Rejection")},
    "ignored_ids": _IGNORED,
    "remarks": _REMARKS,
}
_REFUSED = Refused(RefusalCode.MISSING_EVENT, "`event` is required: the name of what happened.")

_RESPONSE_SCHEMAS: Json = {
    "Rejection": _REJECTION,
    "Accepted": {
        "type": "object",
        "properties": _VERDICTS,
        "required": ["accepted", "rejected"],
    },
    "NoEventAccepted": {
        "description": "A problem with a verdict for each event.",
        "allOf": [reference("Problem")],
        "properties": _VERDICTS,
        "required": ["accepted", "rejected"],
    },
}


def section(context: DocumentContext) -> Section:
    """The one path."""
    return Section(
        tags={"touchpoints": "Send events."},
        paths={PATH: {"post": _operation(context)}},
        schemas={"Touchpoint": touchpoint_schema(), **_RESPONSE_SCHEMAS},
    )


def touchpoint_schema() -> Json:
    """Schema of one event: that of the decoder, with the rule that it names a person or an account."""
    components = msgspec.json.schema_components([Candidate])[1]
    schema = components.pop(Candidate.__name__)
    for name, described in schema["properties"].items():
        # The nested struct is inlined: no other schema refers to it.
        inside = [
            components.get(str(each.get("$ref")).rpartition("/")[2], each)
            for each in described.get("anyOf", ())
        ]
        if inside:
            described["anyOf"] = inside
        described["description"] = _ABOUT[name]
        described.pop("default", None)
    schema["properties"]["event"]["minLength"] = 1
    named = ("account_id", "user_id", "anonymous_id", "email", "external_id", "account_external_id")
    text = {"type": "string", "minLength": 1}
    return {
        "type": "object",
        "description": "Something that happened. null means absent. At least one of"
        f" {', '.join(named)} names somebody.",
        **{key: schema[key] for key in ("properties", "required", "additionalProperties")},
        "anyOf": [{"properties": {name: text}, "required": [name]} for name in named],
    }


def _operation(context: DocumentContext) -> Json:
    limits, one = context.limits, reference("Touchpoint")
    lines = "\n".join(msgspec.json.encode(each).decode() for each in (TOUCHPOINT, LATER)) + "\n"
    return {
        "operationId": "sendTouchpoints",
        "tags": ["touchpoints"],
        "summary": "Send touchpoints",
        "description": "Takes one object, an array of them, or one a line. Each event gets its own"
        " verdict: one that is refused does not keep the others out. The body may be compressed"
        " (`Content-Encoding: gzip` or `deflate`). The content type only tells lines from the"
        f" rest, so any other works as well.\n\nScope: `{Scope.EVENTS_WRITE}`.",
        "x-scope": Scope.EVENTS_WRITE.value,
        "security": [{"key": []}],
        "requestBody": {
            "required": True,
            "description": f"At most {limits.max_body_bytes} bytes after decompression,"
            f" {limits.max_events} events, and {limits.max_event_bytes} bytes an event.",
            "content": {
                "application/json": {
                    "schema": {
                        "oneOf": [
                            one,
                            {"type": "array", "items": one, "maxItems": limits.max_events},
                        ]
                    },
                    "examples": {
                        "one": {"value": TOUCHPOINT},
                        "several": {"value": [TOUCHPOINT, LATER]},
                    },
                },
                "application/x-ndjson": {
                    "schema": {"type": "string", "description": "One touchpoint a line."},
                    "example": lines,
                },
            },
        },
        "responses": native_responses(context.rejections),
    }


def native_responses(errors: Iterable[RequestRejected]) -> Json:
    """Responses of every protocol that reports each event in the native form."""
    return responses(
        {
            "202": succeeded(
                "At least one event is stored; `rejected` tells of those that are not.",
                reference("Accepted"),
                {
                    "all": {"accepted": 2, "rejected": []},
                    "some": example_of(verdicts(1, [(1, _REFUSED)])),
                    "remark": example_of(verdicts(1, [], [(0, {"user_id": "undefined"})])),
                },
            )
        },
        [*errors, verdicts(0, [(0, _REFUSED)])],
        schemas={422: "NoEventAccepted"},
    )
