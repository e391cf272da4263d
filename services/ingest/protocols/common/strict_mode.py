"""`X-Strict-Mode: 1`: a verdict for each event, on calls whose SDKs are else told that all went well.

For whoever wires up a site or writes their own sender. What was accepted is stored whatever the status
says, and a message id counts once, so sending everything again does no harm.
"""

from services.ingest.decisions import Decisions
from services.ingest.http import response as answers
from services.ingest.http.response import RawResponse
from services.ingest.protocols.common.endpoint import Request

HEADER = "X-Strict-Mode"
CODE = "events_rejected"
_DETAIL = "Some events were refused; `rejected` says why, one by one. The others are stored."
_NAME = HEADER.lower().encode()
_ON = frozenset({b"1", b"true"})


def is_wanted(request: Request) -> bool:
    """Whether the sender asks for verdicts."""
    value = request.header(_NAME)
    return value is not None and value.strip().lower() in _ON


def told(intake: Decisions) -> RawResponse:
    """200 when nothing was refused, else 400; the same members in both.

    `dropped` are the events that were left out of respect for a person; no fault of the sender's.
    """
    verdicts = {
        "accepted": len(intake.records),
        "dropped": len(intake.dropped),
        "rejected": [
            {"index": index, "code": refusal.code, "detail": refusal.detail}
            for index, refusal in intake.refused
        ],
    }
    if not intake.refused:
        return answers.json(200, {"success": True, **verdicts})
    # Segment's SDKs read `message`, PostHog's `detail`.
    failed = {"code": CODE, "message": _DETAIL, "detail": _DETAIL, "success": False}
    return answers.json(400, {**failed, **verdicts})
