"""Segment's API as its SDKs expect it: exactly 200 with `{"success": true}`, errors as `{code, message}`.

An event that is refused inside a readable body does not change the answer: SDKs would send the whole
batch again, or drop it. Refusals are counted and logged by code; `strict` tells those who ask.
"""

from dataclasses import replace

from starlette.types import Receive

from services.ingest.events.verdicts import BodyRefused
from services.ingest.http import response as answers
from services.ingest.http.body import Lease
from services.ingest.http.rejections import RequestRejected, body_rejected
from services.ingest.http.response import CLOSE, RawResponse
from services.ingest.intake import Ingest
from services.ingest.protocols.common import strict_mode as strict
from services.ingest.protocols.common.endpoint import Endpoint, Request
from services.ingest.protocols.segment import parse as segment
from services.ingest.protocols.segment.call import KINDS, CallKind
from shared.http.auth import basic_user, bearer_token
from shared.keys import token as tokens

CALLS: dict[str, CallKind | None] = {
    **{f"/v1/{kind}": kind for kind in KINDS},
    **{f"/v1/{kind[0]}": kind for kind in KINDS},
    "/v1/batch": None,
    "/v1/b": None,
    "/v1/import": None,
}
"""Path to the type of its call; a batch names a type for each item."""

SUCCESS = answers.json(200, {"success": True})


class TrackingEndpoint(Endpoint):
    """One path of the API; see the module."""

    def __init__(self, ingest: Ingest, path: str, kind: CallKind | None) -> None:
        super().__init__(ingest, path)
        self._kind = kind
        self.limits = replace(ingest.limits, max_body_bytes=ingest.limits.max_capture_bytes)

    async def answer(self, request: Request, receive: Receive, lease: Lease) -> RawResponse:
        """Take in one call or a batch."""
        ingest = self.ingest
        received_at = ingest.clock.now()
        token = self.token(request)
        # A bearer that is no key of ours is an OAuth token of the sender's; its key is in the body.
        key_in_header = token is not None and tokens.looks_like_ours(token)
        principal = await self.sender(token, request) if key_in_header else None
        body = await self.read(receive, request, lease)
        parsed = segment.parse(body, self._kind, self.limits)
        if isinstance(parsed, BodyRefused):
            raise body_rejected(parsed)
        if principal is None:
            principal = await self.sender(parsed.write_key or token, request)
        intake = await ingest.store(
            parsed.items, principal=principal, received_at=received_at, route=self.path
        )
        return strict.told(intake) if strict.is_wanted(request) else SUCCESS

    def token(self, request: Request) -> str | None:
        """The key that a request shows outside its body."""
        return basic_user(request.authorization) or bearer_token(request.authorization)

    def refused(self, away: RequestRejected) -> RawResponse:
        """`{code, message}`, which the SDKs read."""
        return as_error(away)


_SEGMENT_STATUS = {413: 400}
"""What Segment answers instead; either way an SDK drops the batch."""


def as_error(away: RequestRejected) -> RawResponse:
    """The form of Segment's errors."""
    return answers.json(
        _SEGMENT_STATUS.get(away.status, away.status),
        {"code": away.code, "message": away.detail},
        headers=[*answers.raw(away.headers), *(CLOSE if away.closes else ())],
    )
