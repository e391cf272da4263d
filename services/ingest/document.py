"""Ingest's part of the OpenAPI document.

Request schemas come from the struct that decodes, example errors from the answers that are sent.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from services.ingest.events import strict_json
from services.ingest.events.verdicts import BodyRefused, too_many_events
from services.ingest.http.body import BROKEN, BUSY, TIMEOUT, UNSUPPORTED, too_large
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
from services.ingest.protocols.people import document as people
from services.ingest.protocols.pixel import document as pixel
from services.ingest.protocols.posthog import document as posthog
from services.ingest.protocols.rudder import document as rudder
from services.ingest.protocols.segment import document as segment
from services.ingest.protocols.segment.parse import BAD_BATCH
from services.ingest.protocols.touchpoints import document as touchpoints
from services.ingest.protocols.touchpoints.route import PATH as TOUCHPOINTS_PATH
from services.ingest.protocols.webhooks import document as webhooks
from shared.http.auth import MissingScope, NotAuthenticated
from shared.http.openapi import BEARER, Part, problem_schemas
from shared.keys.cache import AuthFailure
from shared.keys.principal import Scope

_DESCRIPTION = """\
Touchpoints come in by Stageline's own call, or by those of others, so that existing SDKs work with a
changed address. A 2xx leaves only after the event log has acknowledged every event that was accepted; after a
503 send the same events again with the same message ids: a `message_id` counts once. Any origin may
send: `OPTIONS` on these paths answers browsers.
"""

_WHEN = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
"""An instant for examples."""


def part(limits: Limits) -> Part:
    """What ingest serves, with the bounds that it has."""
    away = turned_away(bodies(limits))
    captures = turned_away(bodies(replace(limits, max_body_bytes=limits.max_capture_bytes)))
    called = segment.described([*captures, body_rejected(BAD_BATCH)], limits)
    captured = posthog.described(captures, limits)
    return Part(
        description=_DESCRIPTION,
        tags={
            "touchpoints": "Send events.",
            "people": "People who want to be left alone, or forgotten.",
            **cloudevents.TAGS,
            **pixel.TAGS,
            **beacon.TAGS,
            **segment.TAGS,
            **rudder.TAGS,
            **posthog.TAGS,
            **browser.TAGS,
            **webhooks.TAGS,
        },
        paths={
            TOUCHPOINTS_PATH: {"post": touchpoints.operation(limits, away)},
            **cloudevents.paths(limits, away),
            **beacon.paths(limits, away),
            **pixel.paths(),
            **called.paths,
            **captured.paths,
            **rudder.paths(called, limits),
            **browser.paths(),
            **webhooks.paths(limits, captures),
            **people.paths(away),
        },
        schemas={
            **problem_schemas(),
            "Touchpoint": touchpoints.touchpoint_schema(),
            **touchpoints.SCHEMAS_OF_ANSWERS,
            **cloudevents.SCHEMAS,
            **called.schemas,
            **captured.schemas,
            **webhooks.SCHEMAS,
        },
        responses={**called.responses, **captured.responses},
        security={"key": BEARER, **segment.SECURITY, **pixel.SECURITY, **webhooks.SECURITY},
    )


def bodies(limits: Limits) -> list[BodyRefused]:
    """Every way in which a body as a whole is refused."""
    return [
        strict_json.EMPTY_BODY,
        strict_json.MALFORMED_BODY,
        strict_json.MARKED_BODY,
        strict_json.TOO_DEEP_BODY,
        BROKEN,
        TIMEOUT,
        too_large(limits),
        too_many_events(limits.max_events),
        UNSUPPORTED,
        BUSY,
    ]


def turned_away(refused: Iterable[BodyRefused]) -> list[RequestRejected]:
    """Every way in which a request is turned away, one example each."""
    return [
        *map(body_rejected, refused),
        key_rejected(NotAuthenticated(AuthFailure.MISSING)),
        key_rejected(MissingScope(Scope.EVENTS_WRITE)),
        key_rejected(NotAuthenticated(AuthFailure.UNAVAILABLE)),
        origin_not_allowed(),
        rate_limited('"default";q=500;w=10', 7, _WHEN),
        quota_exceeded(1_000_000, 3_600, _WHEN),
        source_paused(),
        rules_unknown(),
        log_unavailable(),
    ]
