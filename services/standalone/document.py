"""The OpenAPI document of the whole product, and the page at `GET /`."""

from services.api import document as api_document
from services.ingest import document as ingest_openapi
from services.ingest.intake import Ingest
from services.ingest.limits import Limits
from shared.http.front import Front
from shared.http.openapi import Json, document, text

_TITLE = "Stageline"

FRONT = Front(
    title=_TITLE,
    about="The stage of record for customer journeys: it takes in what happens to accounts and tells"
    " for each where it stands, since when, why, and what is missing for the next stage.",
    example='curl "$STAGELINE_URL/v1/touchpoints" \\\n'
    '  -H "Authorization: Bearer $STAGELINE_WRITE_KEY" \\\n'
    '  -H "Content-Type: application/json" \\\n'
    """  -d '{"event": "Demo Requested", "account_id": "acme"}'""",
    documents={
        "docs/ingest.md": "how to send events",
        "docs/reading.md": "how to read accounts, stages and alerts, on a terminal and by HTTP",
        "docs/maps.md": "how a journey is written down",
        "docs/problems.md": "every error and what to do about it",
    },
)


def served(ingest: Ingest) -> Json:
    """The document of what ingest and the api serve."""
    return document(_TITLE, [ingest_openapi.part(ingest.limits), api_document.part()])


def published() -> str:
    """The document with default settings, as it is checked in. Connects to nothing."""
    parts = [ingest_openapi.part(Limits()), api_document.part()]
    return text(document(_TITLE, parts))
