"""The pixel in the OpenAPI document."""

from services.ingest.protocols.pixel.parse import DEFAULT_EVENT
from services.ingest.protocols.pixel.route import PATH
from shared.http.openapi import Json
from shared.keys.principal import Scope

TAGS = {"pixel": "An image whose address is a touchpoint."}
SECURITY: Json = {
    "keyInQuery": {
        "type": "apiKey",
        "in": "query",
        "name": "access_token",
        "description": "The write key, where no header can carry it; as `key` or `write_key` too.",
    }
}


def paths() -> Json:
    """The one path."""
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
        PATH: {
            "get": {
                "operationId": "openPixel",
                "tags": ["pixel"],
                "summary": "Count the opening of an e-mail",
                "description": "Other parameters become properties. The image comes whatever became of"
                f" the event.\n\nScope: `{Scope.EVENTS_WRITE}`.",
                "x-scope": Scope.EVENTS_WRITE.value,
                "security": [{"keyInQuery": []}],
                "parameters": [
                    {
                        "name": name,
                        "in": "query",
                        "schema": {"type": "string"},
                        "description": about,
                    }
                    for name, about in parameters
                ],
                "responses": {
                    "200": {"description": "Stored.", **image},
                    **{str(status): problem for status in (400, 401, 403, 422, 429, 500, 503)},
                },
            }
        }
    }
