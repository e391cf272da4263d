"""What is stored of an event under the settings of a source."""

from typing import Any

from services.ingest.privacy.redaction import redact, redaction
from shared.contracts.envelope import Envelope
from shared.sources.source import SourceSettings
from tests.support.touchpoints import event

KEY = b"of the workspace"
ANN = "Ann@Acme.example"


def stored(settings: SourceSettings, **fields: Any) -> Envelope:
    envelope = redact(event(**fields), redaction(settings, KEY), max_bytes=1_000_000)
    assert isinstance(envelope, Envelope)
    return envelope
