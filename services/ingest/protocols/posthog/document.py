"""PostHog's capture calls in the OpenAPI document: the fields that are read of each, and its form of errors.

Each path is served without its last slash, too. Errors are the same for all calls, so they are components
that the calls refer to.
"""

from dataclasses import replace

from services.ingest.decisions import Decisions
from services.ingest.http.query import invalid_query
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
from services.ingest.protocols.posthog.event import NO_EVENT
from services.ingest.protocols.posthog.parse import BAD_BATCH
from services.ingest.protocols.posthog.route import EVENTS, OK, as_error
from shared.contracts.envelope import MAX_EVENT_CHARS, MAX_ID_CHARS, MAX_MESSAGE_ID_CHARS
from shared.http.openapi import Json
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
_ACCEPTED = Decisions(records=[], envelopes=[], refused=[], dropped=[], corrections={})
_REFUSED = replace(_ACCEPTED, refused=[(0, NO_EVENT)])
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
    EVENTS[0]: ("Analytics", "Several events, with a verdict for each"),
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


def section(context: DocumentContext) -> Section:
    """Every path of the protocol."""
    rejections = [
        *context.rejections_of_large_bodies, body_rejected(BAD_BATCH), invalid_query(),
    ]  # fmt: skip
    errors = [as_error(each, path) for path in ("/batch/", "/e/") for each in rejections]
    described = responses(
        {},
        [*errors, strict_mode.verdicts(_REFUSED)],
        schema="PostHogError",
        phrases=_PHRASES,
    )
    components, references = as_components("PostHog", described)
    return Section(
        tags=TAGS,
        paths={path: {"post": _operation(path, references, context.limits)} for path in _ABOUT},
        schemas={
            "PostHogEvent": _event(),
            "PostHogBatch": _batch(context.limits),
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
        responses=components,
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
                "items": reference("PostHogEvent"),
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


def _operation(path: str, references: Json, limits: Limits) -> Json:
    name, summary = _ABOUT[path]
    has_verdicts = path in EVENTS
    one, batch = (reference(f"PostHog{each}") for each in ("Event", "Batch"))
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
        "responses": {"200": _success(has_verdicts=has_verdicts), **references},
    }


def _success(*, has_verdicts: bool) -> Json:
    description = "Taken in: the event log has stored what could be stored."
    if has_verdicts:
        example = {"results": {EVENT["uuid"]: {"result": "ok"}}}
        content = {"schema": reference("PostHogVerdicts"), "example": example}
        return {"description": description, "content": {"application/json": content}}
    return succeeded(
        description,
        {"anyOf": [reference("PostHogSuccess"), reference("SegmentSuccess")]},
        {"friendly": example_of(OK), "strict": example_of(strict_mode.verdicts(_ACCEPTED))},
    )
