"""Journey maps: YAML and JSON to the engine's model and back, lint, ready templates.

`parse` or `from_definition` give a `MapDocument`; `to_journey` reduces it to what the engine runs,
`lint` gives advice about it. docs/maps.md describes the format.
"""

from shared.maps.document import MapDocument
from shared.maps.journey import to_journey
from shared.maps.lint import lint
from shared.maps.parse import from_definition, parse
from shared.maps.problems import MapInvalid, MapProblem
from shared.maps.schema import json_schema

__all__ = [
    "MapDocument",
    "MapInvalid",
    "MapProblem",
    "from_definition",
    "json_schema",
    "lint",
    "parse",
    "to_journey",
]
