"""The map format as JSON Schema, for editors and other programs."""

import json
import sys
from typing import Any

from shared.maps.document import MapDocument


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a map; docs/schemas/map.schema.json is this, frozen by a test."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **MapDocument.model_json_schema(by_alias=True, mode="validation"),
        "title": "Stageline journey map",
    }


def as_text() -> str:
    """The schema as the text of its file."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(as_text())
