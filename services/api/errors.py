"""Refusals of the api: one code for each reason.

    StagelineError
    └── RequestRefused      the request is refused; `code` is the reason, `STATUS` its HTTP status

Codes are public contract: callers switch on them and docs/problems.md explains each (tested).
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from shared.errors import StagelineError
from shared.http.problem import FieldProblem


class Code(StrEnum):
    """Reason of a refusal."""

    INVALID_REQUEST = "invalid_request"
    INVALID_PATH = "invalid_path"
    INVALID_CURSOR = "invalid_cursor"
    INVALID_PERSON = "invalid_person"
    INVALID_JSON = "invalid_json"
    SUBJECT_REQUIRED = "subject_required"
    UNAUTHENTICATED = "unauthenticated"
    MISSING_SCOPE = "missing_scope"
    NOT_FOUND = "not_found"
    SUBJECT_UNKNOWN = "subject_unknown"
    JOURNEY_UNKNOWN = "journey_unknown"
    ALERT_UNKNOWN = "alert_unknown"
    SOURCE_UNKNOWN = "source_unknown"
    SECRET_UNKNOWN = "secret_unknown"  # noqa: S105 - a reason, not a secret
    KEY_UNKNOWN = "key_unknown"
    WORKSPACE_UNKNOWN = "workspace_unknown"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    BODY_TIMEOUT = "body_timeout"
    ALERT_RESOLVED = "alert_resolved"
    PERSON_ERASED = "person_erased"
    ERASURE_UNDER_WAY = "erasure_under_way"
    SOURCE_NAME_IN_USE = "source_name_taken"
    SOURCE_KIND_MISMATCH = "source_kind_mismatch"
    WORKSPACE_NAME_IN_USE = "workspace_name_taken"
    NO_EARLIER_MAP = "no_earlier_map"
    SUBJECT_CHANGED = "subject_changed"
    LIMIT_REACHED = "limit_reached"
    BODY_TOO_LARGE = "body_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    INVALID_BODY = "invalid_body"
    MAP_INVALID = "map_invalid"
    INTERNAL_ERROR = "internal_error"
    KEYS_UNAVAILABLE = "keys_unavailable"
    DATABASE_UNAVAILABLE = "database_unavailable"
    EXPLANATION_PENDING = "explanation_pending"


STATUS: Mapping[Code, int] = {
    Code.INVALID_REQUEST: 400,
    Code.INVALID_PATH: 400,
    Code.INVALID_CURSOR: 400,
    Code.INVALID_PERSON: 400,
    Code.INVALID_JSON: 400,
    Code.SUBJECT_REQUIRED: 400,
    Code.UNAUTHENTICATED: 401,
    Code.MISSING_SCOPE: 403,
    Code.NOT_FOUND: 404,
    Code.SUBJECT_UNKNOWN: 404,
    Code.JOURNEY_UNKNOWN: 404,
    Code.ALERT_UNKNOWN: 404,
    Code.SOURCE_UNKNOWN: 404,
    Code.SECRET_UNKNOWN: 404,
    Code.KEY_UNKNOWN: 404,
    Code.WORKSPACE_UNKNOWN: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.BODY_TIMEOUT: 408,
    Code.ALERT_RESOLVED: 409,
    Code.PERSON_ERASED: 409,
    Code.ERASURE_UNDER_WAY: 409,
    Code.SOURCE_NAME_IN_USE: 409,
    Code.SOURCE_KIND_MISMATCH: 409,
    Code.WORKSPACE_NAME_IN_USE: 409,
    Code.NO_EARLIER_MAP: 409,
    Code.SUBJECT_CHANGED: 409,
    Code.LIMIT_REACHED: 409,
    Code.BODY_TOO_LARGE: 413,
    Code.UNSUPPORTED_MEDIA_TYPE: 415,
    Code.INVALID_BODY: 422,
    Code.MAP_INVALID: 422,
    Code.INTERNAL_ERROR: 500,
    Code.KEYS_UNAVAILABLE: 503,
    Code.DATABASE_UNAVAILABLE: 503,
    Code.EXPLANATION_PENDING: 503,
}

DETAIL: Mapping[Code, str] = {
    Code.INVALID_REQUEST: "A query parameter is not what it must be; see errors.",
    Code.INVALID_PATH: "The path is not percent-encoded UTF-8 without NUL.",
    Code.INVALID_CURSOR: (
        "The cursor is not one that this list gave, or was given for other filters:"
        " start again without it."
    ),
    Code.INVALID_JSON: "The body is not JSON in UTF-8.",
    Code.SUBJECT_REQUIRED: (
        "Name the subject by exactly one of account_id, user_id, anonymous_id, email, external_id."
    ),
    Code.INVALID_PERSON: (
        "A person is named by user:, external:, email: or anonymous: and their id, at most 512"
        " characters."
    ),
    Code.PERSON_ERASED: (
        "This person was erased, which keeps their earlier events away as well: send"
        ' {"erased": true} to let them in all the same.'
    ),
    Code.ERASURE_UNDER_WAY: (
        "A request to erase this person was accepted and is not carried out yet: try again when it is."
    ),
    Code.UNAUTHENTICATED: "Send a valid key as `Authorization: Bearer <key>`.",
    Code.MISSING_SCOPE: "This key may not do that: it does not hold the scope of this call.",
    Code.NOT_FOUND: "Nothing is served under this path.",
    Code.SUBJECT_UNKNOWN: (
        "No touchpoint of this subject has been processed in this workspace; one that was accepted a"
        " moment ago may be on its way."
    ),
    Code.JOURNEY_UNKNOWN: "This workspace has no such journey.",
    Code.ALERT_UNKNOWN: "This workspace has no such alert.",
    Code.SOURCE_UNKNOWN: "This workspace has no such source.",
    Code.SECRET_UNKNOWN: "The source has no such secret.",
    Code.KEY_UNKNOWN: "The source has no such key, or it is revoked already.",
    Code.WORKSPACE_UNKNOWN: "There is no such workspace.",
    Code.METHOD_NOT_ALLOWED: "This path does not take this method; see Allow.",
    Code.BODY_TIMEOUT: "The body did not arrive in time.",
    Code.ALERT_RESOLVED: "The alert is resolved already and was never acknowledged.",
    Code.SOURCE_NAME_IN_USE: "Another source of this workspace has this name.",
    Code.SOURCE_KIND_MISMATCH: "Sources of this kind do not have that.",
    Code.WORKSPACE_NAME_IN_USE: "Another workspace has this name.",
    Code.NO_EARLIER_MAP: "The journey has no earlier version with another map.",
    Code.SUBJECT_CHANGED: (
        "A journey stays one of accounts or of persons. Publish the map under another key;"
        " `stageline map retire` ends this journey."
    ),
    Code.LIMIT_REACHED: "One more would be too many.",
    Code.BODY_TOO_LARGE: "The body is larger than this call takes.",
    Code.UNSUPPORTED_MEDIA_TYPE: "This call does not take a body of this type or encoding.",
    Code.INVALID_BODY: "The body is JSON, but not what this call takes; see errors.",
    Code.MAP_INVALID: "The map has errors; nothing was published.",
    Code.INTERNAL_ERROR: "Something failed here; it is logged under the request id.",
    Code.KEYS_UNAVAILABLE: "Keys cannot be checked now; try again.",
    Code.DATABASE_UNAVAILABLE: "The database does not answer now; try again.",
    Code.EXPLANATION_PENDING: "The account is being folded anew; try again.",
}
"""Detail of a problem that has no more particular one."""


class RequestRefused(StagelineError):
    """The request is refused. `errors` name the places in it that are wrong.

    Neither `detail` nor `errors` may hold anything of the request.
    """

    def __init__(
        self,
        code: Code,
        detail: str | None = None,
        *,
        errors: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code.value)
        self.code = code
        self.detail = DETAIL[code] if detail is None else detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
