"""PostHog's capture calls in the OpenAPI document: what is looked at of each, and answers of its form.

Each path is taken without its last slash, too. Answers are the same for all calls, so they are
components that the calls refer to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus

import msgspec

from services.ingest.decisions import Decisions
from services.ingest.http.query import unreadable
from services.ingest.http.rejections import RequestRejected, body_rejected
from services.ingest.http.response import RawResponse
from services.ingest.limits import Limits
from services.ingest.protocols.common import strict_mode as strict
from services.ingest.protocols.common.document import STRICT_MODE
from services.ingest.protocols.posthog import route as posthog
from services.ingest.protocols.posthog.event import NO_EVENT
from services.ingest.protocols.posthog.parse import BAD_BATCH
from shared.contracts.envelope import MAX_EVENT_CHARS, MAX_ID_CHARS, MAX_MESSAGE_ID_CHARS
from shared.http.openapi import REF, Json, fault_answer, header
from shared.keys.principal import Scope

TAGS = {"posthog": "PostHog's capture calls, for its SDKs."}

EVENT: Json = {
    "event": "Demo Requested",
    "distinct_id": "leah",
    "properties": {"plan": "pro", "$groups": {"company": "acme"}},
    "timestamp": "2026-03-02T09:30:00.000Z",
    "uuid": "0195b8a2-7c1e-7b20-8b9f-a59bfd928e61",
}
BATCH: Json = {
    "batch": [
        EVENT,
        {
            "event": "$identify",
            "distinct_id": "leah",
            "properties": {"$anon_distinct_id": "7f3a", "$set": {"email": "leah@acme.example"}},
            "uuid": "0195b8a2-7c1e-7b20-8b9f-a59bfd928e62",
        },
    ],
    "sent_at": "2026-03-02T09:30:05.000Z",
}

_OBJECT: Json = {"type": ["object", "null"]}
_INSTANT: Json = {"type": ["string", "number", "null"]}
_TAKEN = Decisions(records=[], envelopes=[], refused=[], dropped=[], corrections={})
_REFUSED = replace(_TAKEN, refused=[(0, NO_EVENT)])
_KEY: Json = {
    "type": ["string", "null"],
    "description": "The write key. As `token`, as bearer, or in the query it works as well.",
}
_ABOUT = {
    "/batch/": ("Batch", "Several events of a server"),
    "/i/v0/ai/batch/": ("AiBatch", "Several events of a server about models"),
    "/e/": ("Events", "Events of a browser"),
    "/i/v0/e/": ("AppEvents", "Events of a browser or an app"),
    "/capture/": ("Capture", "Events, by an older path"),
    "/track/": ("Track", "Events, by the oldest path"),
    posthog.EVENTS[0]: ("Analytics", "Several events, with a verdict for each"),
}
"""Path to the name and the purpose of its call."""
_PHRASES = {
    400: "The body cannot be read; in strict mode also: an event was refused.",
    401: "No valid write key. SDKs drop these events for good.",
    403: "The key may not send these events.",
    408: "The body did not arrive in time; send it again.",
    413: "The body is too large.",
    415: "The body's encoding is not taken.",
    429: "More comes than may; send the same again after Retry-After seconds.",
    503: "Not stored, or not known to be; send the same again after Retry-After seconds.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What is said of PostHog's calls."""

    paths: Json
    schemas: Json
    responses: Json


def described(away: Sequence[RequestRejected], limits: Limits) -> Described:
    """Paths, schemas and answers; `away` are the ways in which a request is turned away."""
    refused = _refusals([*away, body_rejected(BAD_BATCH), unreadable()])
    return Described(
        paths={path: {"post": _operation(path, refused, limits)} for path in _ABOUT},
        schemas={
            "PostHogEvent": _event(),
            "PostHogBatch": _batch(limits),
            "PostHogSuccess": {
                "type": "object",
                "properties": {"status": {"const": "Ok"}},
                "required": ["status"],
            },
            "PostHogVerdicts": _verdicts(),
            "PostHogError": {
                "type": "object",
                "properties": {"code": {"type": "string"}, "detail": {"type": "string"}},
                "required": ["code", "detail"],
            },
        },
        responses=refused,
    )


def _event() -> Json:
    return {
        "type": "object",
        "description": "An event. Other fields are left alone; what its `$` properties mean is told in"
        " docs/ways-in/posthog.md.",
        "properties": {
            "event": {"type": "string", "minLength": 1, "maxLength": MAX_EVENT_CHARS},
            "distinct_id": {
                "type": ["string", "integer", "null"],
                "maxLength": MAX_ID_CHARS,
                "description": "The person, or the browser where nobody is named yet.",
            },
            "properties": {
                **_OBJECT,
                "description": "Facts about the event, and about its sender.",
            },
            "timestamp": {**_INSTANT, "description": "When it happened, in UTC without an offset."},
            "offset": {"type": ["number", "null"], "description": "Or: milliseconds since then."},
            "sent_at": {**_INSTANT, "description": "The sender's clock; corrects `timestamp`."},
            "uuid": {
                "type": ["string", "null"],
                "maxLength": MAX_MESSAGE_ID_CHARS,
                "description": "Names the event for ever: sent again, it counts once.",
            },
            "$set": {**_OBJECT, "description": "Facts about the person."},
            "$set_once": {
                **_OBJECT,
                "description": "Facts about the person, below those in `$set`.",
            },
            "api_key": _KEY,
        },
        "required": ["event"],
    }


def _batch(limits: Limits) -> Json:
    return {
        "type": "object",
        "properties": {
            "batch": {
                "type": "array",
                "maxItems": limits.max_events,
                "items": {"$ref": REF.format(model="PostHogEvent")},
            },
            "sent_at": {
                **_INSTANT,
                "description": "The sender's clock; corrects each `timestamp`.",
            },
            "historical_migration": {
                "type": ["boolean", "null"],
                "description": "The times are out of an archive: they are not corrected.",
            },
            "api_key": _KEY,
        },
        "required": ["batch"],
    }


def _verdicts() -> Json:
    return {
        "type": "object",
        "properties": {
            "results": {
                "type": "object",
                "description": "Verdict by the event's `uuid`; an event without one has none.",
                "additionalProperties": {
                    "type": "object",
                    "properties": {
                        "result": {"enum": ["ok", "drop"]},
                        "details": {"type": "string", "description": "Code of the refusal."},
                    },
                    "required": ["result"],
                },
            }
        },
        "required": ["results"],
    }


def _operation(path: str, refused: Json, limits: Limits) -> Json:
    name, summary = _ABOUT[path]
    has_verdicts = path in posthog.EVENTS
    one, batch = ({"$ref": REF.format(model=f"PostHog{each}")} for each in ("Event", "Batch"))
    many = {"type": "array", "items": one, "maxItems": limits.max_events}
    takes = [batch] if has_verdicts else [batch, one, many]
    friendly = (
        " An event that is refused inside a body that can be read does not change the answer, but in"
        " strict mode: SDKs would repeat or drop the whole batch. Such events are counted in"
        " `stageline_ingest_events_refused_total`."
    )
    return {
        "operationId": f"posthog{name}",
        "tags": ["posthog"],
        "summary": summary,
        "description": "JSON of any content type, compressed with or without saying so, or base64 in the"
        f" field `data` of a form.{'' if has_verdicts else friendly}\n\nScope: `{Scope.EVENTS_WRITE}`.",
        "x-scope": Scope.EVENTS_WRITE.value,
        "security": [{"key": []}, {}],
        "parameters": [] if has_verdicts else [STRICT_MODE],
        "requestBody": {
            "required": True,
            "description": f"At most {limits.max_capture_bytes} bytes after decompression,"
            f" {limits.max_events} events, and {limits.max_event_bytes} bytes an event.",
            "content": {
                "application/json": {
                    "schema": {"anyOf": takes} if len(takes) > 1 else batch,
                    "example": BATCH,
                }
            },
        },
        "responses": {
            "200": _success(has_verdicts=has_verdicts),
            **{
                name.removeprefix("PostHog"): {"$ref": f"#/components/responses/{name}"}
                for name in refused
            },
        },
    }


def _success(*, has_verdicts: bool) -> Json:
    verdicts, friendly, strictly = (
        {"$ref": REF.format(model=model)}
        for model in ("PostHogVerdicts", "PostHogSuccess", "SegmentSuccess")
    )
    content: Json = {
        "schema": {"anyOf": [friendly, strictly]},
        "examples": {
            "friendly": {"value": msgspec.json.decode(posthog.OK.body)},
            "strict": {"value": msgspec.json.decode(strict.told(_TAKEN).body)},
        },
    }
    if has_verdicts:
        example = {"results": {EVENT["uuid"]: {"result": "ok"}}}
        content = {"schema": verdicts, "example": example}
    return {
        "description": "Taken in: the event log has stored what could be stored.",
        "content": {"application/json": content},
    }


def _refusals(away: Sequence[RequestRejected]) -> Json:
    by_status: dict[int, dict[str, RawResponse]] = {}
    for path in ("/batch/", "/e/"):
        for each in away:
            answer = posthog.as_error(each, path)
            by_status.setdefault(answer.status, {})[each.code] = answer
    by_status[400][strict.CODE] = strict.told(_REFUSED)
    return {
        **{
            f"PostHog{status}": _error(status, answers)
            for status, answers in sorted(by_status.items())
        },
        "PostHog500": fault_answer(),
    }


def _error(status: int, answers: Mapping[str, RawResponse]) -> Json:
    told: Json = {
        "description": _PHRASES.get(status, HTTPStatus(status).phrase),
        "content": {
            "application/json": {
                "schema": {"$ref": REF.format(model="PostHogError")},
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
