"""`X-Strict-Mode: 1`: a verdict for each event, on calls whose SDKs otherwise get a plain success.

For developers of a site or of their own sender. Accepted events are stored whatever the status is, and a
message id counts once, so sending all events again does no harm.
"""

from services.ingest.decisions import Decisions
from services.ingest.http import response
from services.ingest.http.response import RawResponse
from services.ingest.protocols.common.exchange import Exchange

HEADER = "X-Strict-Mode"
CODE = "events_rejected"
_DETAIL = "Some events were refused; `rejected` says why, one by one. The others are stored."
_NAME = HEADER.lower().encode()
_ON = frozenset({b"1", b"true"})


def is_requested(exchange: Exchange) -> bool:
    """Whether the sender requests verdicts."""
    value = exchange.header(_NAME)
    return value is not None and value.strip().lower() in _ON


def verdicts(decisions: Decisions) -> RawResponse:
    """200 when nothing was refused, else 400; the same members in both.

    `dropped` counts events left out for a person's privacy, which is no mistake of the sender;
    `ignored_ids`, where there are any, are ids of accepted events that named nobody, and `remarks` tell
    which of them say less than their sender may expect.
    """
    payload = {
        "accepted": len(decisions.records),
        "dropped": len(decisions.dropped),
        "rejected": response.rejections(decisions.refused),
        **response.remarks(decisions.ignored, decisions.remarks),
    }
    if not decisions.refused:
        return response.json(200, {"success": True, **payload})
    # Segment's SDKs read `message`, PostHog's `detail`.
    failed = {"code": CODE, "message": _DETAIL, "detail": _DETAIL, "success": False}
    return response.json(400, {**failed, **payload})
