"""One example for each answer, as the published document shows it; each fits its model (tested)."""

from typing import Any

Example = dict[str, Any]

_REFOLD: Example = {"done": 1200, "total": 4000, "is_finished": False, "finished_at": None}

JOURNEYS: Example = {
    "items": [
        {
            "key": "trial",
            "title": "Trial",
            "subject": "account",
            "version": 2,
            "published_at": "2026-03-01T08:00:00Z",
            "stages": ["started", "activated"],
            "refold": _REFOLD,
        }
    ],
    "next_cursor": None,
}

MAP: Example = {
    "journey": "trial",
    "title": "Trial",
    "subject": "account",
    "stages": [
        {"key": "started", "title": "Started"},
        {"key": "activated", "title": "Activated", "enter": {"event": "Project Created"}},
    ],
}

MAP_YAML = """\
journey: trial
title: Trial
subject: account
stages:
  - key: started
    title: Started
  - key: activated
    title: Activated
    enter: {event: Project Created}
"""

MAPS: Example = {"application/json": MAP, "application/yaml": MAP_YAML}

JOURNEY: Example = {
    "key": "trial",
    "title": "Trial",
    "subject": "account",
    "version": 2,
    "published_at": "2026-03-01T08:00:00Z",
    "published_by": "4be0643f1d98",
    "definition": MAP,
    "source": MAP_YAML,
    "refold": _REFOLD,
}

PUBLISHED: Example = {"key": "trial", "version": 2, "changed": True}
UNCHANGED: Example = {"key": "trial", "version": 2, "changed": False}

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

_KPI_VALUE: Example = {
    "journey": "b2b-core-5",
    "stage": "awareness",
    "kpi": "Organic traffic",
    "value": 18500.0,
    "at": "2026-03-01T00:00:00Z",
    "segment": "",
    "origin": "search console",
}

KPI_VALUES: Example = {"items": [_KPI_VALUE]}

KPI_RECEIPT: Example = {
    "accepted": 1,
    "rejected": [
        {
            "index": 1,
            "code": "kpi_unknown",
            "detail": "The stage declares no such indicator. Did you mean `organic traffic`?",
        }
    ],
}

STORED_KPI_VALUES: Example = {
    "items": [{**_KPI_VALUE, "received_at": "2026-03-02T06:00:00Z"}],
    "next_cursor": None,
}

CAMPAIGNS: Example = {
    "journey": "b2b-jtbd-7",
    "since": "2026-01-01T00:00:00Z",
    "until": "2026-04-01T00:00:00Z",
    "attribution": "last",
    "items": [
        {
            "stage": "evaluation",
            "campaign": {
                "name": "spring",
                "source": "newsletter",
                "medium": "email",
                "term": None,
                "content": None,
            },
            "entries": 14,
            "accounts": 12,
        },
        {"stage": "evaluation", "campaign": None, "entries": 9, "accounts": 9},
    ],
}
