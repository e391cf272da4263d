"""The image of the pixels: a transparent point for every verdict, so that no mail shows a broken image.

Status and the header `X-Stageline-Error` are for developers.
"""

from services.ingest.decisions import Decisions
from services.ingest.http import response
from services.ingest.http.rejections import RequestRejected
from services.ingest.http.response import RawResponse
from services.ingest.protocols.common.endpoint import GET, Conventions

GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00"
    b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)


def of_decisions(decisions: Decisions) -> RawResponse:
    """The image for a request with one event."""
    return _image(422, decisions.refused[0][1].code) if decisions.refused else _image(200)


def of_rejection(rejection: RequestRejected) -> RawResponse:
    """The image for a rejected request."""
    return _image(rejection.status, rejection.code, rejection.headers)


def _image(
    status: int, error: str | None = None, more: dict[str, str] | None = None
) -> RawResponse:
    # Never from a cache, or the next opening would not be counted.
    headers = {**(more or {}), "Cache-Control": "no-store, private", "Content-Type": "image/gif"}
    if error is not None:
        headers["X-Stageline-Error"] = error
    return response.of_bytes(status, GIF, response.raw(headers))


CONVENTIONS = Conventions(methods=GET, rejected=of_rejection)
