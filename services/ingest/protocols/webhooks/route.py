"""`POST /v1/webhooks/{provider}/{source_id}`: deliveries of providers.

The signature is checked over the bytes as received, before anything is decompressed or parsed. A body that
can be read is answered 200 even where items are refused: providers repeat a delivery after any other status
and disable the address in the end. Deliveries are not deduplicated here: the provider's name of an item is
its message id, which the stager counts once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial

import structlog
from starlette.routing import Route

from services.ingest.events.candidate import ForeignItem
from services.ingest.events.verdicts import BodyRefused, Refused
from services.ingest.gatekeeper.rules import Sender
from services.ingest.http import body, response
from services.ingest.http.rejections import body_rejected, rules_unknown
from services.ingest.http.response import RawResponse
from services.ingest.intake import Ingest
from services.ingest.protocols.common.endpoint import Conventions, plain_route
from services.ingest.protocols.common.exchange import Exchange
from services.ingest.protocols.webhooks.mappings import MappingCache
from services.ingest.protocols.webhooks.parse import (
    Delivery,
    DeliveryContext,
    DeliveryRejected,
    parse,
    without_erasures,
)
from services.ingest.protocols.webhooks.providers.salesforce_soap import ACKNOWLEDGED
from services.ingest.protocols.webhooks.rejections import (
    delivery_rejected,
    invalid_signature,
    public_url_unknown,
    reason_of,
    source_unknown,
)
from services.ingest.protocols.webhooks.signatures.request import Failure, SignedRequest, Verified
from services.ingest.protocols.webhooks.signatures.verify import needs_url, verify
from shared.errors import TransientError
from shared.keys.principal import Principal, Scope
from shared.keys.token import KeyKind
from shared.sources.source import KINDS_WITH_KEYS, Source, SourceKind

log = structlog.get_logger(__name__)

PATH = "/v1/webhooks/{provider}/{source_id}"

PROVIDERS = {kind.value: kind for kind in SourceKind if kind not in KINDS_WITH_KEYS}
"""Values of `provider` in the path."""

_LARGE_BYTES = 100_000
"""Parsing less takes some 70 ms at worst."""

_XML = [
    (b"content-type", b"text/xml; charset=utf-8"),
    (b"content-length", b"%d" % len(ACKNOWLEDGED)),
]
_ACKNOWLEDGED = RawResponse(200, _XML, ACKNOWLEDGED)


def routes(ingest: Ingest) -> list[Route]:
    """The one path."""
    for failure in Failure:
        ingest.metrics.ingest_auth_failures.labels(failure)
    for provider in PROVIDERS:
        ingest.metrics.ingest_webhooks_unmapped.labels(provider)
    conventions = Conventions(takes_large_bodies=True)
    return [plain_route(ingest, PATH, _receiver(MappingCache()), conventions)]


def _receiver(mappings: MappingCache) -> Callable[[Exchange], Awaitable[RawResponse]]:
    async def receive(exchange: Exchange) -> RawResponse:
        """Accept one delivery."""
        received_at = exchange.ingest.clock.now()
        source = await _source(exchange)
        raw = await exchange.received(is_raw=True)
        if isinstance(raw, BodyRefused):
            raise body_rejected(raw)
        source, verified = await _verified(source, exchange, raw, received_at)
        sender = await exchange.admit_principal(_principal(source))
        content = body.inflated(raw, exchange.content_encoding, exchange.limits, exchange.lease)
        if isinstance(content, BodyRefused):
            raise body_rejected(content)
        context = DeliveryContext(
            kind=source.kind,
            source_id=source.source_id,
            settings=source.settings,
            mapping=mappings.of(source),
            received_at=received_at,
        )
        read = partial(parse, content, context, exchange.limits, delivery_id=verified.delivery_id)
        # XML and mappings can take a second or more; the event loop must not wait for them.
        delivery = read() if len(content) < _LARGE_BYTES else await asyncio.to_thread(read)
        if isinstance(delivery, BodyRefused):
            raise body_rejected(delivery)
        if isinstance(delivery, DeliveryRejected):
            raise delivery_rejected(delivery)
        if verified.is_by_address:
            delivery = without_erasures(delivery)
        return await _store(exchange, delivery, source, sender, received_at)

    return receive


async def _source(exchange: Exchange) -> Source:
    kind = PROVIDERS.get(exchange.path_parameter("provider") or "")
    source_id = exchange.path_parameter("source_id")
    if kind is None or source_id is None:
        raise source_unknown()
    try:
        source = await exchange.ingest.sources.find(source_id)
    except TransientError as exc:
        raise rules_unknown() from exc
    if source is None or source.kind is not kind:
        raise source_unknown()
    return source


async def _verified(
    source: Source, exchange: Exchange, raw: bytes, received_at: datetime
) -> tuple[Source, Verified]:
    """The source, with what its signature says. Raises RequestRejected.

    A secret that was added a moment ago is not in the cache yet: the source is read once more.
    """
    verdict = _verdict(source, exchange, raw, received_at)
    if verdict is Failure.WRONG:
        changed = await exchange.ingest.sources.changed(source)
        if changed is not None and changed.kind is source.kind:
            source = changed
            verdict = _verdict(source, exchange, raw, received_at)
    if isinstance(verdict, Failure):
        exchange.ingest.accounting.unauthenticated(verdict, PATH)
        # Not authenticated, yet shown in the live view of the source: its operator must see why.
        exchange.principal = _principal(source)
        url = f"{exchange.ingest.public_base_url}{_path(source)}"
        raise invalid_signature(reason_of(verdict, source, url))
    return source, verdict


def _path(source: Source) -> str:
    return PATH.format(provider=source.kind.value, source_id=source.source_id)


def _verdict(
    source: Source, exchange: Exchange, raw: bytes, received_at: datetime
) -> Verified | Failure:
    base_url = exchange.ingest.public_base_url
    if not base_url and needs_url(source):
        log.error("public_base_url_missing", provider=source.kind, source_id=source.source_id)
        raise public_url_unknown()
    query = f"?{exchange.query.decode('latin-1')}" if exchange.query else ""
    signed = SignedRequest(
        method=exchange.method,
        url=f"{base_url}{_path(source)}{query}",
        query=exchange.query,
        headers=exchange.headers,
        body=raw,
    )
    return verify(source, signed, now=received_at)


async def _store(
    exchange: Exchange, delivery: Delivery, source: Source, sender: Sender, received_at: datetime
) -> RawResponse:
    """Store all items at once; refusals have the position of their item in the delivery."""
    ingest = exchange.ingest
    groups = list(delivery.items)
    items, positions = _flat(groups)
    decisions = await ingest.decide(items, sender=sender, received_at=received_at)
    # The provider would never send a refused item again: it is stored whole, to be mapped later.
    for position in {positions[index] for index, _ in decisions.refused}:
        unmapped_item = delivery.unmapped(position)
        if unmapped_item is not None:
            groups[position] = [unmapped_item]
    items, positions = _flat(groups)
    decisions = await ingest.store(items, sender=sender, received_at=received_at, route=PATH)
    refused = [(positions[index], refusal) for index, refusal in decisions.refused]
    refused_indexes = {index for index, _ in decisions.refused}
    unmapped = sum(
        not isinstance(item, Refused) and item.type == "unmapped" and index not in refused_indexes
        for index, item in enumerate(items)
    )
    if unmapped:
        ingest.metrics.ingest_webhooks_unmapped.labels(source.kind).inc(unmapped)
    if delivery.is_soap:
        return _ACKNOWLEDGED
    return verdicts(len(items) - len(refused), unmapped, refused)


def _flat(groups: Sequence[Sequence[ForeignItem]]) -> tuple[list[ForeignItem], list[int]]:
    """All candidates, and for each the position of its item."""
    items = [item for group in groups for item in group]
    return items, [position for position, group in enumerate(groups) for _ in group]


def verdicts(accepted: int, unmapped: int, refused: Sequence[tuple[int, Refused]]) -> RawResponse:
    """The response to a delivery; most senders read its status alone."""
    return response.json(
        200,
        {
            "accepted": accepted,
            "unmapped": unmapped,
            "rejected": response.rejections(refused),
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
