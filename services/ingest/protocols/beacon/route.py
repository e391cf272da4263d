"""`POST /v1/beacon`: for `navigator.sendBeacon`, which can set no header.

The body is that of `POST /v1/touchpoints`, or an object `{"write_key", "touchpoints": [...]}`; the key
stands in the query (`?key=`) or in that object, or is a bearer's all the same. Answers are those of the
native way in.
"""

import msgspec
from starlette.types import Receive

from services.ingest.events import strict_json
from services.ingest.events.verdicts import BodyRefused
from services.ingest.http.body import Lease
from services.ingest.http.query import KEY_NAMES, parameter
from services.ingest.http.rejections import body_rejected
from services.ingest.http.response import RawResponse
from services.ingest.protocols.common.endpoint import Endpoint, Request
from services.ingest.protocols.touchpoints import parse as native
from services.ingest.protocols.touchpoints.route import told
from shared.http.auth import bearer_token

PATH = "/v1/beacon"


class _Wrapped(msgspec.Struct, frozen=True):
    """A body that brings its own key; the rest is looked at by the adapter."""

    write_key: str
    touchpoints: msgspec.Raw


_wrapped = msgspec.json.Decoder(_Wrapped)


class BeaconEndpoint(Endpoint):
    """The route; see the module."""

    async def answer(self, request: Request, receive: Receive, lease: Lease) -> RawResponse:
        """Take in what a page sends as it is left."""
        ingest = self.ingest
        received_at = ingest.clock.now()
        token = parameter(request.query, *KEY_NAMES)
        principal = await self.sender(token, request) if token is not None else None
        body = await self.read(receive, request, lease)
        written, body = _unwrapped(body)
        items = native.parse(body, is_ndjson=False, limits=ingest.limits)
        if isinstance(items, BodyRefused):
            raise body_rejected(items)
        if principal is None:
            token = written or bearer_token(request.authorization)
            principal = await self.sender(token, request)
        intake = await ingest.store(
            items, principal=principal, received_at=received_at, route=self.path
        )
        return told(intake.accepted, intake.refused)


def _unwrapped(body: bytes) -> tuple[str | None, bytes]:
    """The key in the body, if there is one, and the touchpoints: what is wrong with one is its own fault."""
    for mend in (bytes, strict_json.repaired):
        try:
            wrapped = _wrapped.decode(mend(body))
        except msgspec.ValidationError:
            break
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        return wrapped.write_key, bytes(wrapped.touchpoints)
    return None, body
