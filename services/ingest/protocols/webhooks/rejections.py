"""Rejections that only deliveries of providers meet."""

from services.ingest.http.rejections import RequestRejected, retry_later
from services.ingest.protocols.webhooks.parse import DeliveryRejected
from services.ingest.protocols.webhooks.signatures.request import Failure
from services.ingest.protocols.webhooks.signatures.verify import needs_url
from shared.sources.source import Source

_REASONS = {
    Failure.MISSING: "The request carries no signature or secret of the form that this source takes.",
    Failure.MALFORMED: "The signature, or what belongs to it, cannot be read, or is there twice.",
    Failure.WRONG: "The signature or secret is not made with a secret that this source has in use, or"
    " the body was changed on its way.",
    Failure.EXPIRED: "The time beside the signature lies more than five minutes from ours: an old"
    " delivery, or a wrong clock.",
}


def source_unknown() -> RequestRejected:
    """No such source, also where one exists under another provider."""
    return RequestRejected(404, "source_unknown", "There is no such source at this address.")


def invalid_signature(operator_detail: str | None = None) -> RequestRejected:
    """One response for every reason, which a forger could learn from; `operator_detail` names it."""
    return RequestRejected(
        401,
        "invalid_signature",
        "The request does not carry a current signature, or the secret, of this source.",
        headers={"WWW-Authenticate": 'Signature realm="stageline"'},
        operator_detail=operator_detail,
    )


def reason_of(failure: Failure, source: Source, url: str) -> str:
    """What an operator should check. `url` is the address that the sender should have called."""
    if not source.secrets:
        return "This source has no secret in use, so nobody is believed: give it the sender's."
    if failure is Failure.WRONG and needs_url(source):
        return f"{_REASONS[failure]} The address is signed as well; here it is {url}"
    return _REASONS[failure]


def public_url_unknown() -> RequestRejected:
    """The signature covers the public address, which is not configured; the provider tries again."""
    return retry_later(
        "public_url_unknown",
        "This provider signs the address that it calls, and the service was not told its own: set"
        " STAGELINE_PUBLIC_BASE_URL.",
        seconds=60,
    )


def delivery_rejected(rejected: DeliveryRejected) -> RequestRejected:
    """The delivery is not one that this source takes."""
    return RequestRejected(rejected.status, rejected.code, rejected.detail)
