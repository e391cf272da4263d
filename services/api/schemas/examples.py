"""One example for each answer, as the published document shows it; each fits its model (tested)."""

from typing import Any

Example = dict[str, Any]

PROBLEM_ERRORS: dict[str, list[dict[str, str]]] = {
    "invalid_request": [
        {
            "pointer": "/query/limit",
            "detail": "Input should be less than or equal to 200",
        }
    ],
    "invalid_body": [{"pointer": "/subjects", "detail": "Field required"}],
    "map_invalid": [
        {
            "pointer": "/stages/1/enter",
            "detail": "line 8, column 12: `evnt` is not known here (did you mean `event`?)",
        }
    ],
}
"""What `errors` may hold, by code."""
