"""`POST /v1/touchpoints`: the native way in.

202 when at least one event was accepted (and the log has acknowledged it), with a verdict for each
that was not; 422 when none was; 4xx problems for bodies that cannot be read at all.
"""

from collections.abc import Sequence

from starlette.types import Receive

from services.ingest.events.verdicts import BodyRefused, Refused
from services.ingest.http import response as answers
from services.ingest.http.body import Lease
from services.ingest.http.rejections import body_rejected
from services.ingest.http.response import RawResponse
from services.ingest.protocols.common.endpoint import Endpoint, Request
from services.ingest.protocols.touchpoints import parse as native
from shared.http.auth import bearer_token
from shared.http.problem import MEDIA_TYPE, members

PATH = "/v1/touchpoints"

_NDJSON = (
    b"application/x-ndjson",
    b"application/ndjson",
    b"application/jsonl",
    b"application/x-jsonlines",
)

_ACCEPTED_ONE = answers.json(202, {"accepted": 1, "rejected": []})


class TouchpointsEndpoint(Endpoint):
    """The route; see the module."""

    async def answer(self, request: Request, receive: Receive, lease: Lease) -> RawResponse:
        """Take in one object, an array, or lines."""
        ingest = self.ingest
        received_at = ingest.clock.now()
        principal = await self.sender(bearer_token(request.authorization), request)
        body = await self.read(receive, request, lease)
        is_ndjson = request.content_type.startswith(_NDJSON)
        items = native.parse(body, is_ndjson=is_ndjson, limits=ingest.limits)
        if isinstance(items, BodyRefused):
            raise body_rejected(items)
        intake = await ingest.store(
            items, principal=principal, received_at=received_at, route=self.path
        )
        return told(intake.accepted, intake.refused)


def told(accepted: int, refused: Sequence[tuple[int, Refused]]) -> RawResponse:
    """The answer to a body that could be read."""
    if accepted == 1 and not refused:
        return _ACCEPTED_ONE
    verdicts = {
        "accepted": accepted,
        "rejected": [
            {"index": index, "code": refusal.code, "detail": refusal.detail}
            for index, refusal in refused
        ],
    }
    if accepted or not refused:
        return answers.json(202, verdicts)
    none = members(
        422, "no_event_accepted", "No event was accepted; `rejected` says why, one by one."
    )
    return answers.json(422, {**none, **verdicts}, media_type=MEDIA_TYPE)
