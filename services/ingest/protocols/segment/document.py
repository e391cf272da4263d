"""Segment's calls in the OpenAPI document: the fields that are read of each, and responses in its SDKs' form.

Responses are the same for all calls, so they are components that the calls refer to.
"""

from collections.abc import Mapping
from dataclasses import replace

from services.ingest.decisions import Decisions
from services.ingest.events.verdicts import RefusalCode, Refused
from services.ingest.http.rejections import body_rejected
from services.ingest.limits import Limits
from services.ingest.protocols.common import strict_mode
from services.ingest.protocols.common.document import (
    STRICT_MODE,
    DocumentContext,
    Section,
    as_components,
    example_of,
    reference,
    responses,
    succeeded,
)
from services.ingest.protocols.segment.call import CallKind
from services.ingest.protocols.segment.parse import BAD_BATCH
from services.ingest.protocols.segment.route import CALLS, SUCCESS, as_error
from shared.contracts.envelope import MAX_EVENT_CHARS, MAX_ID_CHARS, MAX_MESSAGE_ID_CHARS
from shared.http.openapi import Json
from shared.keys.principal import Scope

TAGS = {"segment": "Segment's tracking API, for its SDKs and whatever else speaks it."}

SECURITY: Json = {
    "writeKey": {
        "type": "http",
        "scheme": "basic",
        "description": "The write key as user, without a password. As bearer, or as `writeKey` in"
        " the body, it works as well.",
    }
}

_TEXT: Json = {"type": ["string", "null"]}
_OBJECT: Json = {"type": ["object", "null"]}
_INSTANT: Json = {
    "type": ["string", "number", "null"],
    "description": "ISO 8601, in UTC where there is no offset, or an epoch number.",
}


def _id(description: str, limit: int = MAX_ID_CHARS) -> Json:
    return {
        "type": ["string", "integer", "null"],
        "maxLength": limit,
        "description": description,
    }


_COMMON: Json = {
    "userId": _id("The person, as your own system names them."),
    "anonymousId": _id("The device or browser."),
    "messageId": _id("Names the call for ever: sent again, it counts once.", MAX_MESSAGE_ID_CHARS),
    "timestamp": {**_INSTANT, "description": f"When it happened. {_INSTANT['description']}"},
    "originalTimestamp": {**_INSTANT, "description": "Looked at where `timestamp` is absent."},
    "context": {
        **_OBJECT,
        "description": "Kept. `groupId` in it names the account, `traits` are the person's.",
    },
}
_OUTER: Json = {
    "sentAt": {**_INSTANT, "description": "The sender's clock; corrects `timestamp`."},
    "writeKey": {**_TEXT, "description": "The write key, where no header carries it."},
}
_TRAITS: Json = {**_OBJECT, "description": "Facts about the person; `email` among them names them."}
_PROPERTIES: Json = {**_OBJECT, "description": "Facts about the event."}
_NAMED: Json = {
    "name": {"description": "Joins the properties."},
    "category": {"description": "Joins the properties."},
    "properties": _PROPERTIES,
}

_OWN: Mapping[CallKind, Json] = {
    "track": {
        "event": {"type": "string", "minLength": 1, "maxLength": MAX_EVENT_CHARS},
        "properties": _PROPERTIES,
    },
    "identify": {"traits": _TRAITS},
    "page": _NAMED,
    "screen": _NAMED,
    "group": {
        "groupId": _id("The account."),
        "traits": {**_OBJECT, "description": "Facts about the account."},
    },
    "alias": {"previousId": _id("Another id of the person, of any kind.")},
    "merge": {
        "mergeProperties": {
            "type": ["array", "null"],
            "description": "Other names of the person: `type` email, user_id or one of your own, and its"
            " `value`. At most ten count.",
            "items": {
                "type": "object",
                "properties": {"type": {"type": "string"}, "value": {"type": "string"}},
            },
        }
    },
}
"""Type of call to the fields that it has beside the common ones."""

_WHO: Json = {"userId": "leah", "messageId": "ajs-1", "timestamp": "2026-03-02T09:30:00.000Z"}
EXAMPLES: Mapping[str, Json] = {
    "track": {
        **_WHO,
        "event": "Demo Requested",
        "properties": {"plan": "pro"},
        "context": {"groupId": "acme"},
    },
    "identify": {**_WHO, "traits": {"email": "leah@acme.example", "title": "CFO"}},
    "page": {**_WHO, "name": "Pricing", "properties": {"path": "/pricing"}},
    "screen": {**_WHO, "name": "Invoices"},
    "group": {**_WHO, "groupId": "acme", "traits": {"industry": "manufacturing"}},
    "alias": {**_WHO, "previousId": "7f3a"},
    "merge": {**_WHO, "mergeProperties": [{"type": "email", "value": "leah@home.example"}]},
}
_ABOUT: Mapping[str, str] = {
    "track": "An event, under its own name.",
    "identify": "Facts about a person: the event `Person Identified`.",
    "page": "The event `Page Viewed`.",
    "screen": "The event `Screen Viewed`.",
    "group": "Facts about an account: the event `Account Identified`.",
    "alias": "Another id of a person: the event `Person Aliased`.",
    "merge": "RudderStack's: other names of a person, the event `Person Merged`.",
}
BATCH: Json = {
    "batch": [{"type": name, **example} for name, example in EXAMPLES.items()],
    "sentAt": "2026-03-02T09:30:05.000Z",
}

_COUNT: Json = {"type": "integer", "minimum": 0}
_VERDICTS: Json = {
    "accepted": {**_COUNT, "description": "Events that are stored; in strict mode."},
    "dropped": {
        **_COUNT,
        "description": "Events left out for want of consent or at a person's wish; in strict mode.",
    },
    "rejected": {
        "type": "array",
        "description": "In strict mode.",
        "items": reference("Rejection"),
    },
    "remarks": {
        "type": "array",
        "description": "Accepted events that say less than their sender may expect; in strict mode, and left"
        " out without any.",
        "items": reference("Rejection"),
    },
}
_ACCEPTED = Decisions(records=[], envelopes=[], refused=[], dropped=[], corrections={})
_REFUSED = replace(
    _ACCEPTED,
    refused=[(0, Refused(RefusalCode.MISSING_EVENT, "`event` is required in a track call."))],
)


def section(context: DocumentContext) -> Section:
    """Every path of the API."""
    limits = context.limits
    components, references = call_responses(context)
    return Section(
        tags=TAGS,
        paths={
            path: {"post": _operation(path, call, references, limits)}
            for path, call in CALLS.items()
        },
        schemas={
            **{_schema(call): _call_schema(call, _OUTER) for call in _OWN},
            "SegmentBatch": {
                "type": "object",
                "properties": {
                    "batch": {
                        "type": "array",
                        "maxItems": limits.max_events,
                        "items": {"oneOf": [_item_schema(call) for call in _OWN]},
                    },
                    "context": {**_OBJECT, "description": "Fills in for that of the items."},
                    **_OUTER,
                },
                "required": ["batch"],
            },
            "SegmentSuccess": {
                "type": "object",
                "properties": {"success": {"const": True}, **_VERDICTS},
                "required": ["success"],
            },
            "SegmentError": {
                "type": "object",
                "properties": {
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                    "detail": {"type": "string", "description": "As `message`, in strict mode."},
                    "success": {"const": False},
                    **_VERDICTS,
                },
                "required": ["code", "message"],
            },
        },
        responses=components,
        security=SECURITY,
    )


def call_responses(context: DocumentContext) -> tuple[Json, Json]:
    """The responses of every call: components, and references to them by status."""
    errors = [*context.rejections_of_large_bodies, body_rejected(BAD_BATCH)]
    success = succeeded(
        "Taken in: the event log has stored what could be stored.",
        reference("SegmentSuccess"),
        {"success": example_of(SUCCESS), "strict": example_of(strict_mode.verdicts(_ACCEPTED))},
    )
    described = responses(
        {"200": success},
        [*map(as_error, errors), strict_mode.verdicts(_REFUSED)],
        schema="SegmentError",
        phrases=_PHRASES,
    )
    return as_components("Segment", described)


def _schema(call: CallKind) -> str:
    return f"Segment{call.capitalize()}"


def _call_schema(call: CallKind, more: Json) -> Json:
    own = _OWN[call]
    return {
        "type": "object",
        "description": f"{_ABOUT[call]} Other fields are left alone.",
        "properties": {**own, **_COMMON, **more},
        "required": [name for name in ("event",) if name in own],
    }


def _item_schema(call: CallKind) -> Json:
    return {
        "allOf": [reference(_schema(call))],
        "properties": {"type": {"const": call}},
        "required": ["type"],
    }


_NAMES = {"/v1/b": "batchShort", "/v1/import": "import"}


def _operation(path: str, call: CallKind | None, references: Json, limits: Limits) -> Json:
    name = _NAMES.get(path) or f"{call or 'batch'}{'Short' if len(path) == _SHORT else ''}"
    about = _ABOUT[call] if call else "Several calls at once; each item names its `type`."
    return {
        "operationId": f"segment{name[0].upper()}{name[1:]}",
        "tags": ["segment"],
        "summary": f"Segment's {name.removesuffix('Short')}"
        f"{', by its short path' if len(path) == _SHORT else ''}",
        **operation_of(call, references, limits, about),
        "security": [{"writeKey": []}, {"key": []}, {}],
    }


_SHORT = len("/v1/b")


def operation_of(call: CallKind | None, references: Json, limits: Limits, about: str) -> Json:
    """What all operations that take such bodies have in common."""
    return {
        "description": f"{about} An event that is refused inside a body that can be read does not"
        " change the answer, but in strict mode: SDKs would repeat or drop the whole batch. Such events"
        f" are counted in `stageline_ingest_events_refused_total`.\n\nScope: `{Scope.EVENTS_WRITE}`.",
        "parameters": [STRICT_MODE],
        "x-scope": Scope.EVENTS_WRITE.value,
        "requestBody": {
            "required": True,
            "description": f"At most {limits.max_capture_bytes} bytes after decompression"
            f" and {limits.max_event_bytes} bytes an event.",
            "content": {
                "application/json": {
                    "schema": reference(_schema(call) if call else "SegmentBatch"),
                    "example": EXAMPLES[call] if call else BATCH,
                }
            },
        },
        "responses": references,
    }


_PHRASES = {
    400: "The body cannot be read, or is too large; in strict mode also: an event was refused.",
    401: "No valid write key. SDKs drop these events for good.",
    403: "The key may not send events.",
    408: "The body did not arrive in time; send it again.",
    415: "The body's encoding is not taken.",
    429: "More comes than may; send the same again after Retry-After seconds.",
    503: "Not stored, or not known to be; send the same again after Retry-After seconds.",
}
