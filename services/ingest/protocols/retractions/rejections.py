"""Responses to retractions that cannot be accepted."""

from typing import Literal

from services.ingest.events.candidate import MAX_WORDS_CHARS
from services.ingest.http.rejections import RequestRejected, retry_later


def invalid_retraction(target: Literal["touchpoint", "import"]) -> RequestRejected:
    """The query is none of a retraction."""
    more = "; and perhaps `source`, and `all=true`" if target == "touchpoint" else ""
    return RequestRejected(
        422,
        "invalid_retraction",
        f"The query has a `reason` of at most {MAX_WORDS_CHARS:,} characters{more}.",
    )


def touchpoint_unknown() -> RequestRejected:
    """No stored touchpoint has the message id."""
    return RequestRejected(
        404,
        "touchpoint_unknown",
        "No stored touchpoint was sent with this message id, by this source if one is named; one that"
        " was accepted a moment ago is stored within seconds.",
    )


def import_unknown() -> RequestRejected:
    """No stored touchpoint came by the import."""
    return RequestRejected(
        404,
        "import_unknown",
        "No stored touchpoint came by an import with this id; one that was accepted a moment ago is"
        " stored within seconds.",
    )


def message_id_ambiguous() -> RequestRejected:
    """Several touchpoints were sent with the message id."""
    return RequestRejected(
        409,
        "message_id_ambiguous",
        "Several touchpoints were sent with this message id, which counts once for each sender: name one"
        " by `source` (its id, or `none` for keys without one), or take back all by `all=true`.",
    )


def touchpoints_unavailable() -> RequestRejected:
    """The database cannot say which touchpoints are stored."""
    return retry_later(
        "touchpoints_unavailable",
        "Which touchpoints are stored cannot be read now; nothing was accepted, send it again.",
        seconds=5,
    )
