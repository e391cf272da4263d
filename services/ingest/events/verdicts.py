"""Refusals of one event or one body; their codes are public contract (docs, metrics, responses). Pure.

A refusal is a value. Its detail says what was expected and never repeats what was sent.
"""

from dataclasses import dataclass
from enum import StrEnum


class RefusalCode(StrEnum):
    """Why an event was refused; label of `stageline_ingest_events_refused_total`."""

    NOT_AN_OBJECT = "not_an_object"
    MALFORMED_JSON = "malformed_json"
    INVALID_UTF8 = "invalid_utf8"
    INVALID_UNICODE = "invalid_unicode"
    NUMBER_OUT_OF_RANGE = "number_out_of_range"
    TOO_DEEP = "too_deep"
    EVENT_TOO_LARGE = "event_too_large"
    UNKNOWN_FIELD = "unknown_field"
    UNKNOWN_TYPE = "unknown_type"
    SERVER_ONLY_EVENT = "server_only_event"
    TOO_OLD = "too_old"
    ERASURE_BY_ADDRESS = "erasure_by_address"
    MISSING_IDENTITY = "missing_identity"
    JUNK_NAMES = "junk_names"
    RESERVED_ACCOUNT_ID = "reserved_account_id"
    MISSING_EVENT = "missing_event"
    INVALID_EVENT = "invalid_event"
    INVALID_ACCOUNT_ID = "invalid_account_id"
    INVALID_USER_ID = "invalid_user_id"
    INVALID_ANONYMOUS_ID = "invalid_anonymous_id"
    INVALID_EXTERNAL_ID = "invalid_external_id"
    INVALID_ACCOUNT_EXTERNAL_ID = "invalid_account_external_id"
    INVALID_PREVIOUS_ID = "invalid_previous_id"
    INVALID_PREVIOUS_NAMES = "invalid_previous_names"
    INVALID_EMAIL = "invalid_email"
    INVALID_OCCURRED_AT = "invalid_occurred_at"
    INVALID_SENT_AT = "invalid_sent_at"
    INVALID_MESSAGE_ID = "invalid_message_id"
    INVALID_SEQUENCE = "invalid_sequence"
    INVALID_IMPORT_ID = "invalid_import_id"
    INVALID_CHANNEL = "invalid_channel"
    INVALID_ROLE = "invalid_role"
    INVALID_PROPERTIES = "invalid_properties"
    INVALID_TRAITS = "invalid_traits"
    INVALID_ACCOUNT_TRAITS = "invalid_account_traits"
    INVALID_CONTEXT = "invalid_context"
    INVALID_SENTIMENT = "invalid_sentiment"
    INVALID_EMOTION = "invalid_emotion"
    INVALID_FRICTION = "invalid_friction"
    INVALID_THOUGHT = "invalid_thought"
    INVALID_QUESTION = "invalid_question"
    INVALID_SURVEY = "invalid_survey"
    INVALID_SCORE = "invalid_score"
    INVALID_LOGGED_BY = "invalid_logged_by"
    INVALID_INTERNAL = "invalid_internal"
    INVALID_CAMPAIGN = "invalid_campaign"
    INVALID_VALUE = "invalid_value"
    INVALID_REASON = "invalid_reason"
    INVALID_CLOUDEVENT = "invalid_cloudevent"


class DropReason(StrEnum):
    """Why an event was not stored although the response counts it as accepted; label of a metric."""

    SUPPRESSED = "suppressed"
    """It names a suppressed person."""
    NO_CONSENT = "no_consent"
    """It lacks the consent that its source requires."""


class BodyCode(StrEnum):
    """Why a whole body was refused; nothing of it is stored."""

    EMPTY_BODY = "empty_body"
    MALFORMED_JSON = "malformed_json"
    NOT_UTF8 = "not_utf8"
    TOO_DEEP = "too_deep"
    BODY_TOO_LARGE = "body_too_large"
    TOO_MANY_PARTS = "too_many_parts"
    TOO_MANY_EVENTS = "too_many_events"
    BODY_TIMEOUT = "body_timeout"
    UNSUPPORTED_ENCODING = "unsupported_encoding"
    BROKEN_ENCODING = "broken_encoding"
    INVALID_BATCH = "invalid_batch"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Refused:
    """One event that is not stored."""

    code: RefusalCode
    detail: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """One event that is not stored for a person's privacy. The response counts it as accepted."""

    reason: DropReason


@dataclass(frozen=True, slots=True)
class BodyRefused:
    """A body of which nothing is stored."""

    code: BodyCode
    detail: str


def event_too_large(max_event_bytes: int) -> Refused:
    """The refusal of an event beyond the limit."""
    return Refused(RefusalCode.EVENT_TOO_LARGE, f"An event takes at most {max_event_bytes} bytes.")


def too_many_events(max_events: int) -> BodyRefused:
    """The refusal of a batch beyond the limit."""
    return BodyRefused(
        BodyCode.TOO_MANY_EVENTS, f"A request carries at most {max_events} events; send several."
    )
