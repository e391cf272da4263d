"""One example for each answer, as the published document shows it; each fits its model (tested)."""

from typing import Any

Example = dict[str, Any]

_PLACEMENT: Example = {
    "journey": "b2b-jtbd-7",
    "map_version": 3,
    "status": "active",
    "stage": "evaluation",
    "stage_title": "Evaluation",
    "owner": "sales",
    "outcome": None,
    "cycle": 1,
    "entered_at": "2026-03-02T09:30:00Z",
    "stalled_at": None,
    "milestones": {"first_call": "2026-03-02T09:30:00Z"},
    "version": 5,
    "processed_at": "2026-03-02T09:30:01.120000Z",
}

ACCOUNTS: Example = {
    "items": [
        {
            "account_id": "acme",
            "kind": "account",
            "last_event_at": "2026-03-04T16:12:07.250000Z",
            "touchpoints": 48,
            "value": 12000.0,
            "placements": [_PLACEMENT],
        }
    ],
    "next_cursor": None,
}

ACCOUNT: Example = {
    "account_id": "acme",
    "kind": "account",
    "traits": {"name": "Acme", "industry": "manufacturing"},
    "value": 12000.0,
    "touchpoints": 48,
    "last_event_at": "2026-03-04T16:12:07.250000Z",
    "processed_at": "2026-03-04T16:12:07.391000Z",
    "placements": [_PLACEMENT],
    "members": [
        {
            "person_id": "user:leah",
            "role": "champion",
            "traits": {"name": "Leah"},
            "first_seen_at": "2026-02-11T08:00:00Z",
        }
    ],
    "member_count": 1,
    "identifiers": ["anonymous:7f3a", "email:leah@acme.example", "user:leah"],
}

HISTORY: Example = {
    "account_id": "acme",
    "items": [
        {
            "journey": "b2b-jtbd-7",
            "sequence": 4,
            "kind": "advance",
            "from_stage": "consideration",
            "to_stage": "evaluation",
            "outcome": None,
            "cycle": 1,
            "occurred_at": "2026-03-02T09:30:00Z",
            "processed_at": "2026-03-02T09:30:01.120000Z",
            "dwell_seconds": 604800.0,
            "cause": {"message_id": "m-117", "event": "Demo Requested", "timer": None},
            "rule": "stages.evaluation.enter",
            "map_version": 3,
            "superseded_at": None,
        }
    ],
    "open_visits": [
        {
            "journey": "b2b-jtbd-7",
            "stage": "evaluation",
            "cycle": 1,
            "entered_at": "2026-03-02T09:30:00Z",
            "elapsed_seconds": 196927.5,
        }
    ],
    "next_cursor": None,
}

TIMELINE: Example = {
    "account_id": "acme",
    "items": [
        {
            "message_id": "m-117",
            "type": "track",
            "event": "Demo Requested",
            "occurred_at": "2026-03-02T09:30:00Z",
            "received_at": "2026-03-02T09:30:00.980000Z",
            "processed_at": "2026-03-02T09:30:01.120000Z",
            "silence_seconds": 86400.0,
            "person_id": "user:leah",
            "channel": "website",
            "role": "champion",
            "properties": {"plan": "pro"},
            "traits": {},
            "account_traits": {},
            "sentiment": 4,
            "emotion": "confident",
            "friction": None,
            "thought": None,
            "question": "Can our controller see it live?",
            "survey": None,
            "score": None,
            "logged_by": None,
            "internal": False,
            "campaign": {"name": "spring", "source": "newsletter", "medium": "email"},
            "value": 12000.0,
        }
    ],
    "next_cursor": None,
}

_ALERT: Example = {
    "id": "0198f2c4-7d1e-7c3a-9a51-2f6f0c6f1b11",
    "kind": "stall",
    "severity": "warning",
    "state": "open",
    "account_id": "acme",
    "journey": "b2b-jtbd-7",
    "stage": "evaluation",
    "cycle": 1,
    "owner": "sales",
    "opened_at": "2026-03-16T09:30:00Z",
    "acknowledged_at": None,
    "acknowledged_by": None,
    "resolved_at": None,
    "resolved_by": None,
    "resolution": None,
    "last_touchpoint": {
        "message_id": "m-131",
        "event": "Pricing Viewed",
        "occurred_at": "2026-03-04T16:12:07.250000Z",
        "channel": "website",
    },
    "value_at_risk": 12000.0,
    "evidence": {"entered_at": "2026-03-02T09:30:00Z", "stall_after_seconds": 1209600.0},
    "summary": "acme has been in Evaluation for 14 days without a move",
}

ALERTS: Example = {"items": [_ALERT], "next_cursor": None}

ACKNOWLEDGED_ALERT: Example = {
    **_ALERT,
    "state": "acknowledged",
    "acknowledged_at": "2026-03-16T10:05:00Z",
    "acknowledged_by": "4be0643f1d98",
}

RESOLVED_ALERT: Example = {
    **ACKNOWLEDGED_ALERT,
    "state": "resolved",
    "resolved_at": "2026-03-17T14:20:00Z",
    "resolved_by": "4be0643f1d98",
    "resolution": "manual",
}

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
