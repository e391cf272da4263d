"""Retractions in the OpenAPI document."""

from services.ingest.http.query import invalid_query
from services.ingest.http.rejections import RequestRejected, key_rejected
from services.ingest.protocols.common.document import DocumentContext, Section, responses
from services.ingest.protocols.retractions.parse import Target
from services.ingest.protocols.retractions.rejections import (
    import_unknown,
    invalid_retraction,
    message_id_ambiguous,
    touchpoint_unknown,
    touchpoints_unavailable,
)
from services.ingest.protocols.retractions.route import IMPORT, SCOPE, TOUCHPOINT
from shared.http.auth import MissingScope
from shared.http.openapi import Json

_WITHOUT_BODY = {
    "unauthenticated", "keys_unavailable", "secret_key_in_address", "rules_unknown",
    "log_unavailable",
}  # fmt: skip
"""Codes of all protocols that a call without body and without limits may have."""
_REASON: Json = {
    "name": "reason",
    "in": "query",
    "required": True,
    "description": "Why: kept with the retraction, beside the key that asked for it.",
    "schema": {"type": "string", "minLength": 1},
    "example": "typed the wrong account",
}
_SOURCE: Json = {
    "name": "source",
    "in": "query",
    "description": "Id of the source that sent it, or `none` for keys without one: a message id counts"
    " once for each sender.",
    "schema": {"type": "string"},
    "example": "src_shop",
}
_ALL: Json = {
    "name": "all",
    "in": "query",
    "description": "Take back every touchpoint with this message id, where there are several.",
    "schema": {"type": "boolean", "default": False},
}
_IDS: Json = {"message_ids": ["01920f3e-7d1e-7c3a-9a51-2f6f0c6f1b11"]}


def section(context: DocumentContext) -> Section:
    """The two paths."""
    return Section(
        tags={"retractions": "Touchpoints and imports that are taken back."},
        paths={
            TOUCHPOINT: {
                "delete": _operation(
                    context,
                    "touchpoint",
                    ("retractTouchpoint", "Take a touchpoint back"),
                    "Stages, alerts, people and accounts become those of a history in which it never"
                    " was; a stage that changes by it is announced as corrected. Sent again under its"
                    " message id, it stays away. The message id is the one that its sender gave it.",
                    parameters=[
                        _path("message_id", "Message id as it was sent.", "m-1"),
                        _REASON,
                        _SOURCE,
                        _ALL,
                    ],
                    errors=[touchpoint_unknown(), message_id_ambiguous()],
                )
            },
            IMPORT: {
                "delete": _operation(
                    context,
                    "import",
                    ("retractImport", "Take an import back"),
                    "Every touchpoint with this `import_id` is taken back, a few accounts at a time;"
                    " `GET` of the same address shows how far it is. Rows that are sent under another"
                    " `import_id` later count again.",
                    parameters=[_path("import_id", "Id of the import.", "import-7f3a"), _REASON],
                    errors=[import_unknown()],
                )
            },
        },
    )


def _path(name: str, description: str, example: str) -> Json:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string"},
        "example": example,
    }


def _operation(
    context: DocumentContext,
    target: Target,
    named: tuple[str, str],
    about: str,
    *,
    parameters: list[Json],
    errors: list[RequestRejected],
) -> Json:
    return {
        "operationId": named[0],
        "tags": ["retractions"],
        "summary": named[1],
        "description": f"{about} Goes through the event log like an event, with the key as its author, so"
        f" that a replay repeats it.\n\nScope: `{SCOPE}`.",
        "x-scope": SCOPE.value,
        "security": [{"key": []}],
        "parameters": parameters,
        "responses": responses(
            {
                "202": {
                    "description": "The log has it: it will be taken back within seconds, an import"
                    " within minutes.",
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "properties": {
                                    "message_ids": {"type": "array", "items": {"type": "string"}}
                                },
                                "required": ["message_ids"],
                            },
                            "example": _IDS,
                        }
                    },
                }
            },
            [
                *(each for each in context.rejections if each.code in _WITHOUT_BODY),
                key_rejected(MissingScope(SCOPE)),
                invalid_query(),
                invalid_retraction(target),
                touchpoints_unavailable(),
                *errors,
            ],
        ),
    }
