"""Ingest's part of the OpenAPI document.

Request schemas come from the struct that decodes, example errors from the answers that are sent.
"""

from collections.abc import Iterable

import msgspec

from services.ingest import answers
from services.ingest.adapters import strict_json
from services.ingest.adapters.segment import BAD_BATCH
from services.ingest.answers import Answer
from services.ingest.body import BROKEN, BUSY, TIMEOUT, UNSUPPORTED, too_large
from services.ingest.candidate import Candidate
from services.ingest.endpoint import as_problem
from services.ingest.limits import Limits
from services.ingest.openapi import segment as openapi_segment
from services.ingest.routes import touchpoints
from services.ingest.turned_away import TurnedAway, by_body, by_key, by_log
from services.ingest.verdicts import BodyRefused, Code, Refused, too_many_events
from shared.http.auth import MissingScope, NotAuthenticated
from shared.http.openapi import BEARER, REF, Json, Part, header, refusal, schemas
from shared.http.problem import MEDIA_TYPE, fault
from shared.keys.principal import Scope
from shared.keys.ring import AuthFailure

_DESCRIPTION = """\
Touchpoints come in by Stageline's own call or by Segment's, so that existing SDKs work with a changed
address. A 2xx leaves only after the event log has acknowledged every event that was accepted; after a
503 send the same events again with the same message ids: a `message_id` counts once. Any origin may
send: `OPTIONS` on these paths answers browsers.
"""

_ABOUT = {
    "event": "What happened, like `Demo Requested`.",
    "account_id": "The account. Does not begin with `user:`, `email:` or `anonymous:`.",
    "user_id": "The person, as your own system names them.",
    "anonymous_id": "The device or browser, before anybody has said who they are.",
    "email": "The person's address.",
    "occurred_at": "When it happened: RFC 3339 with an offset. Left out: now.",
    "sent_at": "The sender's clock at sending; corrects `occurred_at` for a wrong clock.",
    "message_id": "Names the event for ever: sent again, it counts once. Left out: made.",
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
"""Field of a touchpoint to what it is for; as many as there are fields (tested)."""

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
_VERDICTS: Json = {
    "accepted": {"type": "integer", "minimum": 0, "description": "Events that are stored."},
    "rejected": {"type": "array", "items": {"$ref": REF.format(model="Rejection")}},
}
_REFUSED = Refused(Code.MISSING_EVENT, "`event` is required: the name of what happened.")


def part(limits: Limits) -> Part:
    """What ingest serves, with the bounds that it has."""
    _, problem_schemas = schemas(set(), set())
    segment = openapi_segment.described(turned_away([*bodies(limits), BAD_BATCH]), limits)
    return Part(
        description=_DESCRIPTION,
        tags={"touchpoints": "Send events.", **openapi_segment.TAGS},
        paths={touchpoints.PATH: {"post": _operation(limits)}, **segment.paths},
        schemas={
            **problem_schemas,
            "Touchpoint": touchpoint_schema(),
            "Rejection": _REJECTION,
            "Accepted": {
                "type": "object",
                "properties": _VERDICTS,
                "required": ["accepted", "rejected"],
            },
            "NoEventAccepted": {
                "description": "A problem with a verdict for each event.",
                "allOf": [{"$ref": REF.format(model="Problem")}],
                "properties": _VERDICTS,
                "required": ["accepted", "rejected"],
            },
            **segment.schemas,
        },
        responses=segment.responses,
        security={"key": BEARER, **openapi_segment.SECURITY},
    )


def touchpoint_schema() -> Json:
    """Schema of one event: what the decoder takes, and who must be named."""
    components = msgspec.json.schema_components([Candidate])[1]
    schema = components[Candidate.__name__]
    for name, described in schema["properties"].items():
        described["description"] = _ABOUT[name]
        described.pop("default", None)
    schema["properties"]["event"]["minLength"] = 1
    named = ("account_id", "user_id", "anonymous_id", "email")
    text = {"type": "string", "minLength": 1}
    return {
        "type": "object",
        "description": "Something that happened. null means absent. At least one of"
        f" {', '.join(named)} names somebody.",
        **{key: schema[key] for key in ("properties", "required", "additionalProperties")},
        "anyOf": [{"properties": {name: text}, "required": [name]} for name in named],
    }


def bodies(limits: Limits) -> list[BodyRefused]:
    """Every way in which a body as a whole is refused."""
    return [
        strict_json.EMPTY_BODY,
        strict_json.MALFORMED_BODY,
        strict_json.MARKED_BODY,
        strict_json.TOO_DEEP_BODY,
        BROKEN,
        TIMEOUT,
        too_large(limits),
        too_many_events(limits.max_events),
        UNSUPPORTED,
        BUSY,
    ]


def turned_away(refused: Iterable[BodyRefused]) -> list[TurnedAway]:
    """Every way in which a request is turned away, one example each."""
    return [
        *map(by_body, refused),
        by_key(NotAuthenticated(AuthFailure.MISSING)),
        by_key(MissingScope(Scope.EVENTS_WRITE)),
        by_key(NotAuthenticated(AuthFailure.UNAVAILABLE)),
        by_log(),
    ]


def _operation(limits: Limits) -> Json:
    one = {"$ref": REF.format(model="Touchpoint")}
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
        "responses": {"202": _accepted(), **_errors(limits)},
    }


def _accepted() -> Json:
    return {
        "description": "At least one event is stored; `rejected` tells of those that are not.",
        "content": {
            "application/json": {
                "schema": {"$ref": REF.format(model="Accepted")},
                "examples": {
                    "all": {"value": {"accepted": 2, "rejected": []}},
                    "some": {"value": _told(touchpoints.told(1, [(1, _REFUSED)]))},
                },
            }
        },
    }


def _errors(limits: Limits) -> Json:
    refused = [
        *map(as_problem, turned_away(bodies(limits))),
        touchpoints.told(0, [(0, _REFUSED)]),
        answers.of(fault()),
    ]
    described = {
        str(status): refusal(
            status, examples, schema="NoEventAccepted" if status == _NONE else "Problem"
        )
        for status, examples in _by_status(refused).items()
    }
    described["415"]["headers"] = {"Accept-Encoding": header("The encodings that are taken.")}
    return described


_NONE = 422


def _by_status(refused: Iterable[Answer]) -> dict[int, Json]:
    """Status to code to example, of the answers that are problems."""
    found: dict[int, Json] = {}
    for answer in sorted(refused, key=lambda each: each.status):
        if (b"content-type", MEDIA_TYPE.encode()) not in answer.headers:
            message = "an error of the native call is a problem"
            raise AssertionError(message)
        told = _told(answer)
        found.setdefault(answer.status, {})[told["code"]] = {"value": told}
    return found


def _told(answer: Answer) -> Json:
    told: Json = msgspec.json.decode(answer.body)
    return told
