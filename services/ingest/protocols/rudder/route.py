"""What RudderStack's SDKs call beside Segment's paths: beacon, pixel, and the settings they start with."""

from typing import ClassVar

import msgspec
from starlette.routing import Route
from starlette.types import Receive

from services.ingest.events.verdicts import BodyRefused
from services.ingest.http import response as answers
from services.ingest.http.body import Lease
from services.ingest.http.query import KEY_NAMES, parameter, parameters
from services.ingest.http.rejections import RequestRejected, body_rejected
from services.ingest.http.response import RawResponse
from services.ingest.intake import Ingest
from services.ingest.protocols.common.endpoint import Endpoint, Request
from services.ingest.protocols.pixel.route import image
from services.ingest.protocols.rudder import parse as rudder
from services.ingest.protocols.segment import parse as segment
from services.ingest.protocols.segment.call import CallKind
from services.ingest.protocols.segment.route import TrackingEndpoint
from shared.http.auth import basic_user
from shared.keys import token as tokens
from shared.keys.token import KeyKind

BEACON = "/beacon/v1/batch"
PIXELS: dict[str, CallKind] = {"/pixel/v1/track": "track", "/pixel/v1/page": "page"}
SOURCE_CONFIGS = ("/sourceConfig/", "/sourceConfig")


class BeaconEndpoint(TrackingEndpoint):
    """A batch by `navigator.sendBeacon`, which can set no header: the key is in the query."""

    def token(self, request: Request) -> str | None:
        """The key, where it is."""
        return parameter(request.query, *KEY_NAMES) or super().token(request)


class PixelEndpoint(Endpoint):
    """One call in the address of an image."""

    methods: ClassVar[frozenset[str]] = frozenset({"GET"})

    def __init__(self, ingest: Ingest, path: str, kind: CallKind) -> None:
        super().__init__(ingest, path)
        self._kind: CallKind = kind

    async def answer(self, request: Request, receive: Receive, lease: Lease) -> RawResponse:
        """Take it in; the image comes whatever became of it."""
        del receive, lease
        received_at = self.ingest.clock.now()
        told = parameters(request.query)
        keys = [told.pop(name) for name in KEY_NAMES if name in told]
        principal = await self.sender(keys[0] if keys else None, request)
        body = msgspec.json.encode(rudder.call(told))
        parsed = segment.parse(body, self._kind, self.limits)
        if isinstance(parsed, BodyRefused):
            raise body_rejected(parsed)
        intake = await self.ingest.store(
            parsed.items, principal=principal, received_at=received_at, route=self.path
        )
        return image(200) if not intake.refused else image(422, intake.refused[0][1].code)

    def refused(self, away: RequestRejected) -> RawResponse:
        """The image all the same."""
        return image(away.status, away.code, away.headers)


class SourceConfigEndpoint(Endpoint):
    """What @rudderstack/analytics-js fetches from its `configUrl` before it sends anything.

    As in `browser`: nothing is looked up, so every write key gets the same words.
    """

    methods: ClassVar[frozenset[str]] = frozenset({"GET"})

    async def answer(self, request: Request, receive: Receive, lease: Lease) -> RawResponse:
        """The least that lets it start: no destinations, and no reports to its maker."""
        del receive, lease
        token = basic_user(request.authorization) or parameter(request.query, *KEY_NAMES)
        key = None if token is None else tokens.parse(token)
        if key is None or key.kind is not KeyKind.WRITE:
            raise no_write_key()
        return answers.json(200, source_config(key.key_id), headers=_KEPT)


_KEPT = answers.raw({"Cache-Control": "private, max-age=300", "Vary": "Authorization"})


def source_config(key_id: str) -> dict[str, object]:
    """A source as RudderStack's control plane describes it."""
    no_reports = {"errors": {"enabled": False}, "metrics": {"enabled": False}}
    return {
        "source": {
            "id": key_id,
            "name": "Stageline",
            "workspaceId": "stageline",
            "enabled": True,
            "config": {"statsCollection": no_reports},
            "connections": [],
            "destinations": [],
            "dataplanes": {},
        }
    }


def no_write_key() -> RequestRejected:
    """The request names something else."""
    return RequestRejected(
        404,
        "no_write_key",
        "The request names no write key, which begins with `sl_wk_`, as `writeKey` or by Basic.",
    )


def routes(ingest: Ingest) -> list[Route]:
    """Every path that is RudderStack's alone."""
    return [
        Route(BEACON, BeaconEndpoint(ingest, BEACON, None)),
        *(Route(path, PixelEndpoint(ingest, path, kind)) for path, kind in PIXELS.items()),
        *(Route(path, SourceConfigEndpoint(ingest, path)) for path in SOURCE_CONFIGS),
    ]
