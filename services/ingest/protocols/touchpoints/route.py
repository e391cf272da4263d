"""`POST /v1/touchpoints`: the native protocol.

202 when at least one event was accepted and acknowledged by the log, with a verdict for each that was
not; 422 when none was; a 4xx problem for a body that cannot be read at all.
"""

from collections.abc import Mapping, Sequence

from services.ingest.events.joins import Remark
from services.ingest.events.verdicts import BodyRefused, Refused
from services.ingest.http import response
from services.ingest.http.rejections import body_rejected
from services.ingest.http.response import RawResponse
from services.ingest.intake import Ingest
from services.ingest.protocols.common.endpoint import Conventions, ProtocolEndpoint
from services.ingest.protocols.common.exchange import Exchange
from services.ingest.protocols.touchpoints.parse import parse
from shared.http.auth import bearer_token
from shared.http.problem import MEDIA_TYPE, members

PATH = "/v1/touchpoints"

_NDJSON = (
    b"application/x-ndjson",
    b"application/ndjson",
    b"application/jsonl",
    b"application/x-jsonlines",
)

_ACCEPTED_ONE = response.json(202, {"accepted": 1, "rejected": []})


class TouchpointsEndpoint(ProtocolEndpoint):
    """The route; see the module."""

    def __init__(self, ingest: Ingest) -> None:
        super().__init__(ingest, PATH, Conventions())

    async def respond(self, exchange: Exchange) -> RawResponse:
        """Accept one object, an array, or lines."""
        ingest = self.ingest
        received_at = ingest.clock.now()
        sender = await exchange.admit(bearer_token(exchange.authorization))
        body = await exchange.read()
        is_ndjson = exchange.content_type.startswith(_NDJSON)
        items = parse(body, is_ndjson=is_ndjson, limits=self.limits)
        if isinstance(items, BodyRefused):
            raise body_rejected(items)
        decisions = await ingest.store(items, sender=sender, received_at=received_at, route=PATH)
        return verdicts(decisions.accepted, decisions.refused, decisions.ignored, decisions.remarks)


def verdicts(
    accepted: int,
    refused: Sequence[tuple[int, Refused]],
    ignored: Sequence[tuple[int, Mapping[str, str]]] = (),
    remarks: Sequence[tuple[int, Remark]] = (),
) -> RawResponse:
    """The response to a body that could be read; `ignored` and `remarks` as in `Decisions`."""
    if accepted == 1 and not refused and not ignored and not remarks:
        return _ACCEPTED_ONE
    payload = {
        "accepted": accepted,
        "rejected": response.rejections(refused),
        **response.remarks(ignored, remarks),
    }
    if accepted or not refused:
        return response.json(202, payload)
    none = members(
        422, "no_event_accepted", "No event was accepted; `rejected` says why, one by one."
    )
    return response.json(422, {**none, **payload}, media_type=MEDIA_TYPE)
