"""The erasure of a person in the OpenAPI document."""

from services.ingest.http.rejections import erasure_unavailable, key_rejected
from services.ingest.protocols.common.document import DocumentContext, Section, responses
from services.ingest.protocols.people.route import PATH, invalid_erasure, invalid_person, junk_name
from shared.contracts.envelope import MAX_MESSAGE_ID_CHARS
from shared.http.auth import MissingScope
from shared.keys.principal import Scope

_MESSAGE_ID = {"type": "string", "minLength": 1, "maxLength": MAX_MESSAGE_ID_CHARS}
_LIMIT_CODES = {"origin_not_allowed", "rate_limited", "quota_exceeded", "source_paused"}
"""Codes that this call never has: neither pause nor limit delays an erasure."""


def section(context: DocumentContext) -> Section:
    """The one path."""
    errors = [
        *(each for each in context.rejections if each.code not in _LIMIT_CODES | {"missing_scope"}),
        key_rejected(MissingScope(Scope.PEOPLE_ERASE)),
        invalid_person(),
        invalid_erasure(),
        erasure_unavailable(),
        junk_name(),
    ]
    content = {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {"message_id": _MESSAGE_ID},
                "required": ["message_id"],
            },
            "example": {"message_id": "request-17"},
        }
    }
    accepted = {"description": "The log has it: the person will be forgotten.", "content": content}
    return Section(
        tags={"people": "People whose events are suppressed or erased."},
        paths={
            PATH: {
                "post": {
                    "operationId": "erasePerson",
                    "tags": ["people"],
                    "summary": "Forget a person",
                    "description": "Goes through the event log like an event, and takes back every event,"
                    " stage and alert of the person; docs/privacy.md says what else, and how long it"
                    " takes. Until then `:unsuppress` of the person is answered 409. Later events"
                    " that name the person are dropped. Cannot be undone. The same"
                    f" `message_id` counts once for its person.\n\nScope: `{Scope.PEOPLE_ERASE}`.",
                    "x-scope": Scope.PEOPLE_ERASE.value,
                    "security": [{"key": []}],
                    "parameters": [
                        {
                            "name": "person",
                            "in": "path",
                            "required": True,
                            "description": "The person: `user:`, `external:`, `email:` or"
                            " `anonymous:` and the id.",
                            "schema": {"type": "string"},
                            "example": "email:ann@acme.example",
                        }
                    ],
                    "requestBody": {
                        "required": False,
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "object",
                                    "properties": {"message_id": _MESSAGE_ID},
                                    "additionalProperties": False,
                                },
                                "example": {"message_id": "request-17"},
                            }
                        },
                    },
                    "responses": responses({"202": accepted}, errors),
                }
            }
        },
    )
