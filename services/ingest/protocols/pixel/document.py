"""The pixel in the OpenAPI document."""

from services.ingest.protocols.common.document import DocumentContext, Section, image_responses
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


def section(context: DocumentContext) -> Section:
    """The one path."""
    del context
    parameters = [
        ("event", f"What happened; `{DEFAULT_EVENT}` where left out."),
        ("account_id", "The account."),
        ("user_id", "The person, as your own system names them."),
        ("anonymous_id", "The device."),
        ("email", "The person's address."),
        ("message_id", "Names the event for ever; with it, opening twice counts once."),
        ("campaign", "What the mail belongs to; `utm_...` parameters are read too."),
    ]
    return Section(
        tags=TAGS,
        security=SECURITY,
        paths={
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
                    "responses": image_responses(400, 401, 403, 422, 429, 500, 503),
                }
            }
        },
    )
