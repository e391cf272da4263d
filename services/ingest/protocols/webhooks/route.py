"""`POST /v1/webhooks/{provider}/{source_id}`: what providers tell of their own accord.

The signature is checked over the bytes as they came, before anything of them is unpacked or parsed. Then
the answer is 200 for all that can be read: a provider that is told otherwise sends the same again, and
gives up the address in the end. Nothing is remembered here of what was seen: a delivery carries its
provider's name for ever as message id, and the stager counts each name once.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from starlette.types import Receive

from services.ingest.events.verdicts import BodyRefused, Refused
from services.ingest.http import body
from services.ingest.http import response as answers
from services.ingest.http.body import Lease
from services.ingest.http.rejections import RequestRejected, body_rejected, later, rules_unknown
from services.ingest.http.response import RawResponse
from services.ingest.intake import Ingest
from services.ingest.protocols.common.endpoint import Endpoint, Request
from services.ingest.protocols.webhooks import parse as delivery
from services.ingest.protocols.webhooks.parse import (
    Delivery,
    DeliveryContext,
    DeliveryRejected,
    Item,
)
from services.ingest.protocols.webhooks.providers import salesforce_soap as soap
from services.ingest.protocols.webhooks.signatures.request import Failure, Signed, Verified
from services.ingest.protocols.webhooks.signatures.verify import needs_url, verify
from shared.errors import TransientError
from shared.keys.principal import Principal, Scope
from shared.keys.token import KeyKind
from shared.sources.mapping import CompiledMapping, MappingProblem, compile_mapping
from shared.sources.source import KINDS_WITH_KEYS, Source, SourceKind

log = structlog.get_logger(__name__)

PATH = "/v1/webhooks/{provider}/{source_id}"


def source_unknown() -> RequestRejected:
    """Nothing is said of whether it exists under another provider's name, or ever did."""
    return RequestRejected(404, "source_unknown", "There is no such source at this address.")


def invalid_signature(noted: str | None = None) -> RequestRejected:
    """One answer for every reason: who forges learns nothing from it, who watches the source does."""
    return RequestRejected(
        401,
        "invalid_signature",
        "The request does not carry a current signature, or the secret, of this source.",
        headers={"WWW-Authenticate": 'Signature realm="stageline"'},
        noted=noted,
    )


_WHY = {
    Failure.MISSING: "The request carries no signature or secret of the form that this source takes.",
    Failure.MALFORMED: "The signature, or what belongs to it, cannot be read, or is there twice.",
    Failure.WRONG: "The signature or secret is not made with a secret that this source has in use, or"
    " the body was changed on its way.",
    Failure.EXPIRED: "The time beside the signature lies more than five minutes from ours: an old"
    " delivery, or a wrong clock.",
}


def why(failure: Failure, source: Source, url: str) -> str:
    """For those who watch the source: what to look at. `url` is what the sender should have called."""
    if not source.secrets:
        return "This source has no secret in use, so nobody is believed: give it the sender's."
    if failure is Failure.WRONG and needs_url(source):
        return f"{_WHY[failure]} The address is signed as well; here it is {url}"
    return _WHY[failure]


def public_url_unknown() -> RequestRejected:
    """The provider keeps what it has until somebody has told us our address."""
    return later(
        "public_url_unknown",
        "This provider signs the address that it calls, and the service was not told its own: set"
        " STAGELINE_PUBLIC_BASE_URL.",
        seconds=60,
    )


def delivery_rejected(declined: DeliveryRejected) -> RequestRejected:
    """What was delivered is not what this source takes."""
    return RequestRejected(declined.status, declined.code, declined.detail)


PROVIDERS = {kind.value: kind for kind in SourceKind if kind not in KINDS_WITH_KEYS}
"""What may stand in the path for a provider."""

_LARGE_BYTES = 100_000
"""ProviderItem less takes some 70 ms at worst."""

_XML = [
    (b"content-type", b"text/xml; charset=utf-8"),
    (b"content-length", b"%d" % len(soap.ACKNOWLEDGED)),
]
_ACKNOWLEDGED = RawResponse(200, _XML, soap.ACKNOWLEDGED)


class WebhookEndpoint(Endpoint):
    """The route; see the module."""

    def __init__(self, ingest: Ingest) -> None:
        super().__init__(ingest, PATH)
        # As SDKs, providers do not divide a delivery that was too large.
        self.limits = replace(ingest.limits, max_body_bytes=ingest.limits.max_capture_bytes)
        self._mappings = Mappings()
        for failure in Failure:
            ingest.metrics.ingest_auth_failures.labels(failure)
        for provider in PROVIDERS:
            ingest.metrics.ingest_webhooks_unmapped.labels(provider)

    async def answer(self, request: Request, receive: Receive, lease: Lease) -> RawResponse:
        """Take in one delivery."""
        ingest = self.ingest
        received_at = ingest.clock.now()
        source = await self._source(request)
        raw = await self._received(receive, request, lease)
        verified = self._verified(source, request, raw, received_at)
        principal = _principal(source)
        # What this source's sender is told, those who watch the source may see.
        request.principal = principal
        request.told = await ingest.gatekeeper.admit(
            principal, method=request.method, origin=request.origin
        )
        content = body.inflated(raw, request.content_encoding, self.limits, lease)
        if isinstance(content, BodyRefused):
            raise body_rejected(content)
        way = DeliveryContext(
            kind=source.kind,
            source_id=source.source_id,
            settings=source.settings,
            mapping=self._mappings.of(source),
        )
        read = partial(delivery.read, content, way, self.limits, delivery_id=verified.delivery_id)
        # Markup and mappings can cost a second or more; others are served meanwhile.
        found = read() if len(content) < _LARGE_BYTES else await asyncio.to_thread(read)
        if isinstance(found, BodyRefused):
            raise body_rejected(found)
        if isinstance(found, DeliveryRejected):
            raise delivery_rejected(found)
        return await self._stored(found, source, principal, received_at)

    async def _source(self, request: Request) -> Source:
        kind = PROVIDERS.get(request.params["provider"])
        if kind is None:
            raise source_unknown()
        try:
            source = await self.ingest.sources.find(request.params["source_id"])
        except TransientError as exc:
            raise rules_unknown() from exc
        # Whether it exists under another provider's name is nobody's business.
        if source is None or source.kind is not kind:
            raise source_unknown()
        return source

    async def _received(self, receive: Receive, request: Request, lease: Lease) -> bytes:
        found = await body.read(
            receive,
            content_length=request.content_length,
            content_encoding=None,
            may_answer_first=request.expect is not None,
            limits=self.limits,
            lease=lease,
        )
        if isinstance(found, BodyRefused):
            raise body_rejected(found)
        return found

    def _verified(
        self, source: Source, request: Request, raw: bytes, received_at: datetime
    ) -> Verified:
        base_url = self.ingest.public_base_url
        if not base_url and needs_url(source):
            log.error("public_base_url_missing", provider=source.kind, source_id=source.source_id)
            raise public_url_unknown()
        path = PATH.format(provider=source.kind.value, source_id=source.source_id)
        query = f"?{request.query.decode('latin-1')}" if request.query else ""
        signed = Signed(
            method=request.method,
            url=f"{base_url}{path}{query}",
            query=request.query,
            headers=request.headers,
            body=raw,
        )
        verdict = verify(source, signed, now=received_at)
        if isinstance(verdict, Failure):
            self.ingest.count_failure(verdict, self.path)
            # Those who watch the source see it too, though it may be a stranger's.
            request.principal = _principal(source)
            raise invalid_signature(why(verdict, source, f"{base_url}{path}"))
        return verdict

    async def _stored(
        self, found: Delivery, source: Source, principal: Principal, received_at: datetime
    ) -> RawResponse:
        """Store all of it at once; an item that becomes several is told of by its own position."""
        groups = list(found.items)
        items, positions = _flat(groups)
        judged = self.ingest.judge(items, principal=principal, received_at=received_at)
        # Its sender would never send it otherwise: what is refused is kept, to be mapped.
        for position in {positions[index] for index, _ in judged.refused}:
            letter = found.letter(position)
            if letter is not None:
                groups[position] = [letter]
        items, positions = _flat(groups)
        intake = await self.ingest.store(
            items, principal=principal, received_at=received_at, route=self.path
        )
        refused = [(positions[index], refusal) for index, refusal in intake.refused]
        lost = {index for index, _ in intake.refused}
        unmapped = sum(
            not isinstance(item, Refused) and item.type == "unmapped" and index not in lost
            for index, item in enumerate(items)
        )
        if unmapped:
            self.ingest.metrics.ingest_webhooks_unmapped.labels(source.kind).inc(unmapped)
        if found.is_soap:
            return _ACKNOWLEDGED
        return told(len(items) - len(refused), unmapped, refused)


def _flat(groups: Sequence[Sequence[Item]]) -> tuple[list[Item], list[int]]:
    """All candidates, and of each the position of its item."""
    items = [item for group in groups for item in group]
    return items, [position for position, group in enumerate(groups) for _ in group]


class Mappings:
    """Compiled mappings, one for each source, made again when what is written has changed."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[dict[str, Any], CompiledMapping | None]] = {}

    def of(self, source: Source) -> CompiledMapping | None:
        """The source's mapping; None where it has none, or one that cannot be used.

        A mapping is checked where it is written, so the latter was written by another version.
        """
        written = source.settings.mapping
        if written is None:
            self._known.pop(source.source_id, None)
            return None
        known = self._known.get(source.source_id)
        # The sources are read anew every few seconds: equal is mostly not the same object.
        if known is not None and (known[0] is written or known[0] == written):
            return known[1]
        compiled: CompiledMapping | None = None
        try:
            compiled = compile_mapping(written)
        except MappingProblem as exc:
            log.error("mapping_not_usable", source_id=source.source_id, error=str(exc))  # noqa: TRY400
        self._known[source.source_id] = (written, compiled)
        return compiled


def told(accepted: int, unmapped: int, refused: Sequence[tuple[int, Refused]]) -> RawResponse:
    """What became of a delivery; its sender reads the status at most."""
    return answers.json(
        200,
        {
            "accepted": accepted,
            "unmapped": unmapped,
            "rejected": [
                {"index": index, "code": refusal.code, "detail": refusal.detail}
                for index, refusal in refused
            ],
        },
    )


def _principal(source: Source) -> Principal:
    return Principal(
        workspace_id=source.workspace_id,
        key_id=source.source_id,
        kind=KeyKind.SECRET,
        scopes=frozenset({Scope.EVENTS_WRITE}),
        source_id=source.source_id,
    )
