"""`POST /v1/cloudevents`: CloudEvents 1.0, with the handshake of its webhook specification.

The key comes as bearer, or as `access_token` in the query, as that specification has it. Answers are
those of the native way in.
"""

import re

from starlette.types import Receive

from services.ingest.events.verdicts import BodyRefused
from services.ingest.http import response as answers
from services.ingest.http.body import Lease
from services.ingest.http.query import parameter
from services.ingest.http.rejections import RequestRejected, body_rejected
from services.ingest.http.response import PREFLIGHT, RawResponse
from services.ingest.protocols.cloudevents import parse as cloudevents
from services.ingest.protocols.common.endpoint import Endpoint, Request
from services.ingest.protocols.touchpoints.route import told
from shared.http.auth import bearer_token

PATH = "/v1/cloudevents"

_HOST = re.compile(rb"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?")
"""A DNS expression, as the handshake's origin is one; nothing else is sent back in a header."""


class CloudEventsEndpoint(Endpoint):
    """The route; see the module."""

    async def answer(self, request: Request, receive: Receive, lease: Lease) -> RawResponse:
        """Take in one event, or a batch of them."""
        ingest = self.ingest
        received_at = ingest.clock.now()
        token = bearer_token(request.authorization) or parameter(request.query, "access_token")
        principal = await self.sender(token, request)
        body = await self.read(receive, request, lease)
        items = self._items(request, body)
        if isinstance(items, BodyRefused):
            raise body_rejected(items)
        intake = await ingest.store(
            items, principal=principal, received_at=received_at, route=self.path
        )
        return told(intake.accepted, intake.refused)

    def _items(self, request: Request, body: bytes) -> list[cloudevents.Item] | BodyRefused:
        limits = self.ingest.limits
        media_type = request.content_type.partition(b";")[0].strip()
        if media_type == cloudevents.BATCHED:
            many = cloudevents.parse_batch(body, limits)
            return many if isinstance(many, BodyRefused) else list(many)
        if media_type == cloudevents.STRUCTURED:
            one = cloudevents.parse_structured(body, limits)
            return one if isinstance(one, BodyRefused) else [one]
        if request.header(b"ce-specversion") is None:
            raise no_cloudevent()
        return [cloudevents.parse_binary(request.headers, request.content_type, body, limits)]

    def options(self, request: Request) -> RawResponse:
        """Consent to deliveries: each of them still has to carry a key."""
        origin = request.header(b"webhook-request-origin")
        if origin is None:
            return PREFLIGHT
        if _HOST.fullmatch(origin) is None:
            return answers.empty(400, [])
        granted = [(b"allow", b"POST"), (b"webhook-allowed-origin", origin)]
        if request.header(b"webhook-request-rate") is not None:
            granted.append((b"webhook-allowed-rate", b"*"))
        return answers.empty(200, granted)


def no_cloudevent() -> RequestRejected:
    """Nothing says that this is one."""
    return RequestRejected(
        415,
        "no_cloudevent",
        "Send a CloudEvent: headers `ce-specversion` and so on, or a body of"
        " application/cloudevents+json or application/cloudevents-batch+json.",
    )
