"""The statements of operators in the OpenAPI document."""

from services.ingest.http.rejections import RequestRejected, key_rejected
from services.ingest.protocols.common.document import DocumentContext, Section, responses
from services.ingest.protocols.statements.parse import OTHER, Fault, Verb
from services.ingest.protocols.statements.rejections import rejected
from services.ingest.protocols.statements.route import ACCOUNTS, PEOPLE, SCOPE, VERBS
from shared.contracts.envelope import MAX_MESSAGE_ID_CHARS
from shared.http.auth import MissingScope
from shared.http.openapi import Json

_LIMIT_CODES = {"origin_not_allowed", "rate_limited", "quota_exceeded", "source_paused"}
"""Codes that these calls never have: limits are for the senders of events."""
_NEVER = {
    PEOPLE: {Fault.INVALID_ACCOUNT},
    ACCOUNTS: {Fault.INVALID_PERSON, Fault.KINDS_DIFFER},
}
_MESSAGE_ID: Json = {"type": "string", "minLength": 1, "maxLength": MAX_MESSAGE_ID_CHARS}
_PERSON: Json = {
    "name": "person",
    "in": "path",
    "required": True,
    "description": "The person: `user:`, `external:`, `email:` or `anonymous:` and the id.",
    "schema": {"type": "string"},
    "example": "user:jonas-1",
}
_ACCOUNT: Json = {
    "name": "account_id",
    "in": "path",
    "required": True,
    "description": "The account; of a merge, the one that survives.",
    "schema": {"type": "string"},
    "example": "acme",
}
_ABOUT = {
    (PEOPLE, "merge"): (
        "mergePerson",
        "Say that two names are one person",
        "Both become one person with everything that either did. Withdrawn by `:unmerge` alone.",
        "email:jonas@acme.example",
    ),
    (PEOPLE, "unmerge"): (
        "unmergePerson",
        "Withdraw that two names are one person",
        "Each has its own history again, as if nobody had ever said that the two are one.",
        "email:jonas@acme.example",
    ),
    (ACCOUNTS, "merge"): (
        "mergeAccount",
        "Say that two accounts are one",
        "The account of the path absorbs the other one, with everything that happened to it.",
        "acme-old",
    ),
    (ACCOUNTS, "unmerge"): (
        "unmergeAccount",
        "Withdraw that two accounts are one",
        "Each has its own history again, as if the account of the path had never absorbed the other one.",
        "acme-old",
    ),
}
"""Path and verb to the id, the summary, the description, and an example of the other name."""


def section(context: DocumentContext) -> Section:
    """The four paths."""
    return Section(
        tags={},
        paths={
            f"{path}:{verb}": {"post": _operation(context, path, verb)}
            for path in (PEOPLE, ACCOUNTS)
            for verb in VERBS
        },
    )


def _operation(context: DocumentContext, path: str, verb: Verb) -> Json:
    name, summary, about, other = _ABOUT[path, verb]
    example = {OTHER[verb]: other, "reason": "the same human, by phone", "message_id": "case-17"}
    sent = {"message_id": "case-17"}
    return {
        "operationId": name,
        "tags": ["people"],
        "summary": summary,
        "description": f"{about} Goes through the event log like an event, with the key as its author, so"
        f" that a replay repeats it. The same `message_id` counts once for each statement: several of"
        f" one case may share it.\n\nScope: `{SCOPE}`.",
        "x-scope": SCOPE.value,
        "security": [{"key": []}],
        "parameters": [_PERSON if path == PEOPLE else _ACCOUNT],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {
                            OTHER[verb]: {"type": "string", "minLength": 1},
                            "reason": {"type": "string", "minLength": 1},
                            "message_id": _MESSAGE_ID,
                        },
                        "required": [OTHER[verb], "reason"],
                        "additionalProperties": False,
                    },
                    "example": example,
                }
            },
        },
        "responses": responses(
            {
                "202": {
                    "description": "The log has it: the two will be one, or two again, within seconds.",
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "properties": {"message_id": _MESSAGE_ID},
                                "required": ["message_id"],
                            },
                            "example": sent,
                        }
                    },
                }
            },
            _errors(context, path, verb),
        ),
    }


def _errors(context: DocumentContext, path: str, verb: Verb) -> list[RequestRejected]:
    excluded = _LIMIT_CODES | {"missing_scope"}
    return [
        *(each for each in context.rejections if each.code not in excluded),
        key_rejected(MissingScope(SCOPE)),
        *(rejected(fault, verb) for fault in Fault if fault not in _NEVER[path]),
    ]
