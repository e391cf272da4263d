"""The native call: its path, one event, and what ingest has counted."""

from services.ingest.intake import Ingest

PATH = "/v1/touchpoints"
EVENT = {"event": "Demo Requested", "account_id": "acme"}


def counted(ingest: Ingest, name: str, **labels: str) -> float:
    value = ingest.metrics.registry.get_sample_value(f"stageline_ingest_{name}", labels)
    return value or 0.0
