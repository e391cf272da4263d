"""Ingest's part of the OpenAPI document: the sections of its protocols.

Request schemas come from the struct that decodes, example errors from the responses that are sent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from services.ingest.events import strict_json
from services.ingest.events.verdicts import BodyRefused, too_many_events
from services.ingest.http.body import (
    BROKEN,
    BUSY,
    TIMEOUT,
    UNSUPPORTED,
    too_large,
    too_many_parts,
)
from services.ingest.http.query import secret_key_in_address
from services.ingest.http.rejections import (
    RequestRejected,
    body_rejected,
    key_rejected,
    log_unavailable,
    origin_not_allowed,
    quota_exceeded,
    rate_limited,
    rules_unknown,
    source_paused,
)
from services.ingest.limits import Limits
from services.ingest.protocols.beacon import document as beacon
from services.ingest.protocols.browser import document as browser
from services.ingest.protocols.cloudevents import document as cloudevents
from services.ingest.protocols.common.document import DocumentContext
from services.ingest.protocols.people import document as people
from services.ingest.protocols.pixel import document as pixel
from services.ingest.protocols.posthog import document as posthog
from services.ingest.protocols.retractions import document as retractions
from services.ingest.protocols.rudder import document as rudder
from services.ingest.protocols.segment import document as segment
from services.ingest.protocols.statements import document as statements
from services.ingest.protocols.touchpoints import document as touchpoints
from services.ingest.protocols.webhooks import document as webhooks
from shared.http.auth import MissingScope, NotAuthenticated
from shared.http.openapi import BEARER, Json, Part, problem_schemas
from shared.keys.cache import AuthFailure
from shared.keys.principal import Scope

_PROTOCOLS = (
    touchpoints, people, statements, retractions, cloudevents, pixel, beacon, segment, rudder, posthog,
    browser, webhooks,
)  # fmt: skip

_DESCRIPTION = """\
Touchpoints come in by Stageline's own call, or by those of others, so that existing SDKs work with a
changed address. A 2xx leaves only after the event log has acknowledged every event that was accepted; after a
503 send the same events again with the same message ids: a `message_id` counts once. Any origin may
send events: `OPTIONS` on these paths answers browsers. Erasing is for servers alone.
"""

_WHEN = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
"""An instant for examples."""


def part(limits: Limits) -> Part:
    """What ingest serves, within these limits."""
    large = replace(limits, max_body_bytes=limits.max_capture_bytes)
    context = DocumentContext(
        limits=limits,
        rejections=rejections(refused_bodies(limits)),
        rejections_of_large_bodies=rejections(refused_bodies(large)),
    )
    sections = [protocol.section(context) for protocol in _PROTOCOLS]
    return Part(
        description=_DESCRIPTION,
        tags=_joined(section.tags for section in sections),
        paths=_joined(section.paths for section in sections),
        schemas={**problem_schemas(), **_joined(section.schemas for section in sections)},
        responses=_joined(section.responses for section in sections),
        security={"key": BEARER, **_joined(section.security for section in sections)},
    )


def _joined(mappings: Iterable[Mapping[str, Any]]) -> Json:
    return {name: content for mapping in mappings for name, content in mapping.items()}


def refused_bodies(limits: Limits) -> list[BodyRefused]:
    """Every refusal of a body as a whole."""
    return [
        strict_json.EMPTY_BODY,
        strict_json.MALFORMED_BODY,
        strict_json.MARKED_BODY,
        strict_json.TOO_DEEP_BODY,
        BROKEN,
        TIMEOUT,
        too_large(limits),
        too_many_parts(limits),
        too_many_events(limits.max_events),
        UNSUPPORTED,
        BUSY,
    ]


def rejections(refused: Iterable[BodyRefused]) -> list[RequestRejected]:
    """One example of every rejection."""
    return [
        *map(body_rejected, refused),
        key_rejected(NotAuthenticated(AuthFailure.MISSING)),
        key_rejected(MissingScope(Scope.EVENTS_WRITE)),
        secret_key_in_address(),
        key_rejected(NotAuthenticated(AuthFailure.UNAVAILABLE)),
        origin_not_allowed(),
        rate_limited('"default";q=500;w=10', 7, _WHEN),
        quota_exceeded(1_000_000, 3_600, _WHEN),
        source_paused(),
        rules_unknown(),
        log_unavailable(),
    ]
