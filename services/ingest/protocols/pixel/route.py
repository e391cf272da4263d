"""`GET /v1/pixel.gif`: an image of one transparent point whose address is a touchpoint.

The answer is the image whatever became of the event, so that no mail shows a broken one; status and the
header `X-Stageline-Error` tell the developer.
"""

from typing import ClassVar

from starlette.types import Receive

from services.ingest.http import response as answers
from services.ingest.http.body import Lease
from services.ingest.http.query import KEY_NAMES, parameters
from services.ingest.http.rejections import RequestRejected
from services.ingest.http.response import RawResponse
from services.ingest.protocols.common.endpoint import Endpoint, Request
from services.ingest.protocols.pixel import parse as pixel

PATH = "/v1/pixel.gif"

GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00"
    b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)


class PixelEndpoint(Endpoint):
    """The route; see the module."""

    methods: ClassVar[frozenset[str]] = frozenset({"GET"})

    async def answer(self, request: Request, receive: Receive, lease: Lease) -> RawResponse:
        """Take in one touchpoint."""
        del receive, lease
        ingest = self.ingest
        received_at = ingest.clock.now()
        told = parameters(request.query)
        keys = [told.pop(name) for name in KEY_NAMES if name in told]
        principal = await self.sender(keys[0] if keys else None, request)
        item = pixel.parse(told)
        intake = await ingest.store(
            [item], principal=principal, received_at=received_at, route=self.path
        )
        return image(200) if not intake.refused else image(422, intake.refused[0][1].code)

    def refused(self, away: RequestRejected) -> RawResponse:
        """The image all the same."""
        return image(away.status, away.code, away.headers)


def image(
    status: int, error: str | None = None, headers: dict[str, str] | None = None
) -> RawResponse:
    """The point; never from a cache, or the next opening would not be seen."""
    told = {**(headers or {}), "Cache-Control": "no-store, private", "Content-Type": "image/gif"}
    if error is not None:
        told["X-Stageline-Error"] = error
    return answers.of_bytes(status, GIF, answers.raw(told))
