"""Segment's calls in the OpenAPI document: what is looked at of each, and the answers of its SDKs' form.

Answers are the same for all calls, so they are components that the calls refer to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from services.ingest.decisions import Decisions
from services.ingest.events.verdicts import RefusalCode, Refused
from services.ingest.http.rejections import RequestRejected
from services.ingest.http.response import RawResponse
from services.ingest.limits import Limits
from services.ingest.protocols.common import strict_mode as strict
from services.ingest.protocols.common.document import STRICT_MODE
from services.ingest.protocols.segment import route as tracking
from services.ingest.protocols.segment.call import CallKind
from shared.contracts.envelope import MAX_EVENT_CHARS, MAX_ID_CHARS, MAX_MESSAGE_ID_CHARS
from shared.http.openapi import REF, Json, fault_answer, header
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
    "alias": {"previousId": _id("The person's name before.")},
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
}
_ABOUT: Mapping[str, str] = {
    "track": "An event, under its own name.",
    "identify": "Facts about a person: the event `Person Identified`.",
    "page": "The event `Page Viewed`.",
    "screen": "The event `Screen Viewed`.",
    "group": "Facts about an account: the event `Account Identified`.",
    "alias": "A person's name before: the event `Person Aliased`.",
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
        "items": {"$ref": REF.format(model="Rejection")},
    },
}
_TAKEN = Decisions(records=[], envelopes=[], refused=[], dropped=[], corrections={})
_REFUSED = Decisions(
    records=[],
    envelopes=[],
    refused=[(0, Refused(RefusalCode.MISSING_EVENT, "`event` is required in a track call."))],
    dropped=[],
    corrections={},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What is said of Segment's calls."""

    paths: Json
    schemas: Json
    responses: Json


def described(away: Sequence[RequestRejected], limits: Limits) -> Described:
    """Paths, schemas and answers; `away` are the ways in which a request is turned away."""
    responses = _responses(away)
    return Described(
        paths={
            path: {"post": _operation(path, call, responses, limits)}
            for path, call in tracking.CALLS.items()
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
        responses=responses,
    )


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
        "allOf": [{"$ref": REF.format(model=_schema(call))}],
        "properties": {"type": {"const": call}},
        "required": ["type"],
    }


_NAMES = {"/v1/b": "batchShort", "/v1/import": "import"}


def _operation(path: str, call: CallKind | None, responses: Json, limits: Limits) -> Json:
    name = _NAMES.get(path) or f"{call or 'batch'}{'Short' if len(path) == _SHORT else ''}"
    about = _ABOUT[call] if call else "Several calls at once; each item names its `type`."
    return {
        "operationId": f"segment{name[0].upper()}{name[1:]}",
        "tags": ["segment"],
        "summary": f"Segment's {name.removesuffix('Short')}"
        f"{', by its short path' if len(path) == _SHORT else ''}",
        **body_of(call, responses, limits, about),
        "security": [{"writeKey": []}, {"key": []}, {}],
    }


_SHORT = len("/v1/b")


def body_of(call: CallKind | None, responses: Json, limits: Limits, about: str) -> Json:
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
                    "schema": {"$ref": REF.format(model=_schema(call) if call else "SegmentBatch")},
                    "example": EXAMPLES[call] if call else BATCH,
                }
            },
        },
        "responses": {
            name.removeprefix("Segment"): {"$ref": f"#/components/responses/{name}"}
            for name in responses
        },
    }


def _responses(away: Sequence[RequestRejected]) -> Json:
    refused = map(tracking.as_error, away)
    by_status: dict[int, dict[str, RawResponse]] = {}
    for answer in sorted(refused, key=lambda each: each.status):
        code = msgspec.json.decode(answer.body)["code"]
        by_status.setdefault(answer.status, {})[code] = answer
    by_status[400][strict.CODE] = strict.told(_REFUSED)
    return {
        "Segment200": _answer(
            "Taken in: the event log has stored what could be stored.",
            "SegmentSuccess",
            {"success": tracking.SUCCESS, "strict": strict.told(_TAKEN)},
        ),
        **{
            f"Segment{status}": _answer(_PHRASES[status], "SegmentError", answers)
            for status, answers in by_status.items()
        },
        "Segment500": fault_answer(),
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


def _answer(description: str, schema: str, answers: Mapping[str, RawResponse]) -> Json:
    told: Json = {
        "description": description,
        "content": {
            "application/json": {
                "schema": {"$ref": REF.format(model=schema)},
                "examples": {
                    name: {"value": msgspec.json.decode(answer.body)}
                    for name, answer in answers.items()
                },
            }
        },
    }
    if all(b"retry-after" in dict(answer.headers) for answer in answers.values()):
        told["headers"] = {"Retry-After": header("Seconds to wait.")}
    return told
