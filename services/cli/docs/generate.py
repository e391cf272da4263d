"""`make docs`: writes every document that is generated from code. Tests compare them with the code."""

import json
from collections.abc import Callable
from pathlib import Path

from services.cli.docs import settings
from services.standalone import document as product_document
from shared.contracts import envelope
from shared.maps import schema as map_schema
from shared.telemetry import catalogue

DOCS = Path(__file__).parents[3] / "docs"


def _json(schema: Callable[[], object]) -> Callable[[], str]:
    return lambda: json.dumps(schema(), indent=2, sort_keys=True) + "\n"


DOCUMENTS: dict[str, Callable[[], str]] = {
    "configuration.md": settings.document,
    "metrics.md": catalogue.document,
    "openapi.json": product_document.published,
    "schemas/envelope.v1.json": _json(envelope.json_schema),
    "schemas/map.schema.json": map_schema.as_text,
}
"""Path below docs/ -> its text."""


def main() -> None:
    """Write them all."""
    for name, text in DOCUMENTS.items():
        path = DOCS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(), "utf-8")


if __name__ == "__main__":
    main()
