"""Segment's API as its SDKs expect it: exactly 200 with `{"success": true}`, errors as `{code, message}`.

A refused event inside a readable body does not change the response: SDKs would send the whole batch again,
or drop it. Refusals are counted and logged by code, and strict mode reports them.
"""

from services.ingest.events.verdicts import BodyRefused
from services.ingest.http import response
from services.ingest.http.rejections import RequestRejected, body_rejected
from services.ingest.http.response import CLOSE, RawResponse
from services.ingest.intake import Ingest
from services.ingest.protocols.common import strict_mode
from services.ingest.protocols.common.endpoint import Conventions, ProtocolEndpoint
from services.ingest.protocols.common.exchange import Exchange
from services.ingest.protocols.segment.call import KINDS, CallKind
from services.ingest.protocols.segment.parse import parse
from shared.http.auth import basic_user, bearer_token
from shared.keys import token as tokens

CALLS: dict[str, CallKind | None] = {
    **{f"/v1/{kind}": kind for kind in KINDS},
    **{f"/v1/{kind[0]}": kind for kind in KINDS if kind != "merge"},
    "/v1/batch": None,
    "/v1/b": None,
    "/v1/import": None,
}
"""Path to the type of its call; a batch names a type for each item."""

SUCCESS = response.json(200, {"success": True})

_SEGMENT_STATUS = {413: 400}
"""Statuses that Segment does not use; its SDKs drop the batch after either."""


def as_error(rejection: RequestRejected) -> RawResponse:
    """A rejection in the form of Segment's errors."""
    return response.json(
        _SEGMENT_STATUS.get(rejection.status, rejection.status),
        {"code": rejection.code, "message": rejection.detail},
        headers=[*response.raw(rejection.headers), *(CLOSE if rejection.closes else ())],
    )


_CONVENTIONS = Conventions(rejected=as_error, takes_large_bodies=True)


class TrackingEndpoint(ProtocolEndpoint):
    """One path of the API; see the module."""

    def __init__(self, ingest: Ingest, path: str, kind: CallKind | None) -> None:
        super().__init__(ingest, path, _CONVENTIONS)
        self._kind = kind

    async def respond(self, exchange: Exchange) -> RawResponse:
        """Accept one call or a batch."""
        ingest = self.ingest
        received_at = ingest.clock.now()
        token = self.token(exchange)
        # Any other bearer token is an OAuth token of the sender, whose key is in the body.
        has_key = token is not None and tokens.looks_like_ours(token)
        if has_key:
            await exchange.admit(token)
        body = await exchange.read()
        await exchange.admit_by_text(body)
        parsed = parse(body, self._kind, self.limits)
        if isinstance(parsed, BodyRefused):
            raise body_rejected(parsed)
        sender = await exchange.confirm(parsed.write_key)
        decisions = await ingest.store(
            parsed.items, sender=sender, received_at=received_at, route=self.path
        )
        if strict_mode.is_requested(exchange):
            return strict_mode.verdicts(decisions)
        return SUCCESS

    def token(self, exchange: Exchange) -> str | None:
        """The key outside of the body."""
        return basic_user(exchange.authorization) or bearer_token(exchange.authorization)
