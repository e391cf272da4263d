"""The call that forgets a person, in the OpenAPI document."""

from collections.abc import Sequence

import msgspec

from services.ingest.http.rejections import RequestRejected, key_rejected
from services.ingest.protocols.common.endpoint import as_problem
from services.ingest.protocols.people import route as people
from shared.contracts.envelope import MAX_MESSAGE_ID_CHARS
from shared.http.auth import MissingScope
from shared.http.openapi import Json, fault_answer, refusal
from shared.keys.principal import Scope

_MESSAGE_ID = {"type": "string", "minLength": 1, "maxLength": MAX_MESSAGE_ID_CHARS}
_ENTRANCE = {"origin_not_allowed", "rate_limited", "quota_exceeded", "source_paused"}
"""Codes that this call never answers: nobody is made to wait to be forgotten."""


def paths(away: Sequence[RequestRejected]) -> Json:
    """The path; `away` are the ways in which any request is turned away."""
    refused = [
        *(each for each in away if each.code not in _ENTRANCE | {"missing_scope"}),
        key_rejected(MissingScope(Scope.PEOPLE_ERASE)),
        people.invalid_person(),
        people.invalid_erasure(),
    ]
    return {
        people.PATH: {
            "post": {
                "operationId": "erasePerson",
                "tags": ["people"],
                "summary": "Forget a person",
                "description": "Goes through the event log like an event, and takes back every event,"
                " stage and alert of the person; docs/privacy.md says what else, and how long it"
                " takes. Later events that name the person are dropped. Cannot be undone. The same"
                f" `message_id` counts once.\n\nScope: `{Scope.PEOPLE_ERASE}`.",
                "x-scope": Scope.PEOPLE_ERASE.value,
                "security": [{"key": []}],
                "parameters": [
                    {
                        "name": "person",
                        "in": "path",
                        "required": True,
                        "description": "The person: `user:`, `email:` or `anonymous:` and the id.",
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
                "responses": {
                    "202": {
                        "description": "The log has it: the person will be forgotten.",
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "object",
                                    "properties": {"message_id": _MESSAGE_ID},
                                    "required": ["message_id"],
                                },
                                "example": {"message_id": "request-17"},
                            }
                        },
                    },
                    **{
                        str(status): refusal(status, examples)
                        for status, examples in _by_status(refused).items()
                    },
                    "500": fault_answer(),
                },
            }
        }
    }


def _by_status(refused: Sequence[RequestRejected]) -> dict[int, dict[str, Json]]:
    found: dict[int, dict[str, Json]] = {}
    for away in sorted(refused, key=lambda each: each.status):
        example = {"value": msgspec.json.decode(as_problem(away).body)}
        found.setdefault(away.status, {})[away.code] = example
    return found
