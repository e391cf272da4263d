"""Pixel and beacon in the OpenAPI document: for senders that can set neither header nor form."""

from collections.abc import Sequence

from services.ingest.adapters.pixel import DEFAULT_EVENT
from services.ingest.limits import Limits
from services.ingest.openapi import touchpoints
from services.ingest.query import unreadable
from services.ingest.routes import beacon, pixel
from services.ingest.turned_away import TurnedAway
from shared.http.openapi import REF, Json
from shared.keys.principal import Scope

TAGS = {
    "pixel": "An image whose address is a touchpoint.",
    "beacon": "For pages that are being left.",
}
SECURITY: Json = {
    "keyInQuery": {
        "type": "apiKey",
        "in": "query",
        "name": "access_token",
        "description": "The write key, where no header can carry it; as `key` or `write_key` too.",
    }
}
BEACON: Json = {"write_key": "sl_wk_...", "touchpoints": [touchpoints.LATER]}


def paths(limits: Limits, away: Sequence[TurnedAway]) -> Json:
    """Both paths; `away` are the ways in which any request is turned away."""
    return {
        beacon.PATH: {"post": _beacon(limits, [*away, unreadable()])},
        pixel.PATH: {"get": _pixel()},
    }


def _beacon(limits: Limits, away: Sequence[TurnedAway]) -> Json:
    one = {"$ref": REF.format(model="Touchpoint")}
    many = {"type": "array", "items": one, "maxItems": limits.max_events}
    wrapped = {
        "type": "object",
        "properties": {"write_key": {"type": "string"}, "touchpoints": many},
        "required": ["write_key", "touchpoints"],
    }
    return {
        "operationId": "sendBeacon",
        "tags": ["beacon"],
        "summary": "Send touchpoints by navigator.sendBeacon",
        "description": "The body of `POST /v1/touchpoints` with the key in the query or as bearer, or both"
        f" in one object. Any content type.\n\nScope: `{Scope.EVENTS_WRITE}`.",
        "x-scope": Scope.EVENTS_WRITE.value,
        "security": [{"keyInQuery": []}, {"key": []}, {}],
        "requestBody": {
            "required": True,
            "content": {
                "text/plain": {
                    "schema": {"type": "string"},
                    "example": '{"event": "Page Left", "anonymous_id": "7f3a"}',
                },
                "application/json": {"schema": {"oneOf": [one, many, wrapped]}, "example": BEACON},
            },
        },
        "responses": touchpoints.responses(away),
    }


def _pixel() -> Json:
    image: Json = {"content": {"image/gif": {"schema": {"type": "string", "format": "binary"}}}}
    problem = {"description": "Not stored; the header `X-Stageline-Error` has the code.", **image}
    parameters = [
        ("event", f"What happened; `{DEFAULT_EVENT}` where left out."),
        ("account_id", "The account."),
        ("user_id", "The person, as your own system names them."),
        ("anonymous_id", "The device."),
        ("email", "The person's address."),
        ("message_id", "Names the event for ever; with it, opening twice counts once."),
        ("campaign", "What the mail belongs to; `utm_...` parameters are read too."),
    ]
    return {
        "operationId": "openPixel",
        "tags": ["pixel"],
        "summary": "Count the opening of an e-mail",
        "description": "Other parameters become properties. The image comes whatever became of the"
        f" event.\n\nScope: `{Scope.EVENTS_WRITE}`.",
        "x-scope": Scope.EVENTS_WRITE.value,
        "security": [{"keyInQuery": []}],
        "parameters": [
            {"name": name, "in": "query", "schema": {"type": "string"}, "description": about}
            for name, about in parameters
        ],
        "responses": {
            "200": {"description": "Stored.", **image},
            **{str(status): problem for status in (400, 401, 403, 422, 429, 500, 503)},
        },
    }
