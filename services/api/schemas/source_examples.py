"""Examples of the answers about sources; each fits its model (tested)."""

from typing import Any

Example = dict[str, Any]

_SETTINGS: Example = {
    "allowed_origins": ["https://shop.example"],
    "allow_properties": None,
    "deny_properties": ["properties.card"],
    "hash_fields": ["email"],
    "ip": "drop",
    "consent": {"required": ["analytics"], "when_missing": "drop"},
    "events_per_second": None,
    "burst": None,
    "events_per_day": None,
    "hubspot_signatures": ["v3"],
    "salesforce_organizations": [],
    "mapping": None,
}

NEW_SOURCE: Example = {
    "name": "website",
    "kind": "web",
    "settings": {"allowed_origins": ["https://shop.example"], "ip": "drop"},
}

CHANGE: Example = {"settings": {"hash_fields": ["email"], "consent": None}}

_ITEM: Example = {
    "source_id": "src_5f0c9a7be21d44cf8a3b6e90",
    "name": "website",
    "kind": "web",
    "created_at": "2026-03-01T08:00:00Z",
    "paused_at": None,
    "settings": _SETTINGS,
    "webhook_path": None,
}

SOURCES: Example = {"items": [_ITEM], "next_cursor": None}

_KEY: Example = {
    "key_id": "4be0643f1d98",
    "label": "shop",
    "created_at": "2026-03-01T08:01:00Z",
    "expires_at": None,
    "revoked_at": None,
}

SOURCE: Example = {**_ITEM, "secrets": [], "keys": [_KEY]}

PAUSED_SOURCE: Example = {**SOURCE, "paused_at": "2026-03-04T16:12:07Z"}

NEW_SECRET: Example = {"others_expire_in_seconds": 86400}

SECRET: Example = {
    "secret_id": "0198f2c4-7d1e-7c3a-9a51-2f6f0c6f1b11",
    "created_at": "2026-03-01T08:01:00Z",
    "expires_at": None,
    "value": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw8pXo6DkIu0Y=",
}

NEW_KEY: Example = {"label": "shop"}

KEY: Example = {
    "key_id": "4be0643f1d98",
    "key": "sl_wk_4be0643f1d98_0123456789abcdef0123456789abcdef0123456789abcdef",
    "expires_at": None,
}

EVENTS: Example = {
    "items": [
        {
            "id": 118,
            "received_at": "2026-03-02T09:31:00Z",
            "route": "/v1/batch",
            "outcome": "refused",
            "code": "missing_identity",
            "detail": "An event names somebody: at least one of account_id, user_id, anonymous_id,"
            " email.",
            "message_id": "m-118",
            "event": "Pricing Viewed",
            "person": None,
            "account_id": None,
            "became": None,
        },
        {
            "id": 117,
            "received_at": "2026-03-02T09:30:00.980000Z",
            "route": "/v1/touchpoints",
            "outcome": "accepted",
            "code": None,
            "detail": None,
            "message_id": "m-117",
            "event": "Demo Requested",
            "person": "user:leah",
            "account_id": "acme",
            "became": {
                "state": "applied",
                "processed_at": "2026-03-02T09:30:01.120000Z",
                "subject_id": "acme",
                "reason": None,
                "detail": None,
                "transitions": [
                    {
                        "journey": "b2b-jtbd-7",
                        "kind": "advance",
                        "from_stage": "consideration",
                        "to_stage": "evaluation",
                        "outcome": None,
                    }
                ],
            },
        },
    ],
    "next_cursor": None,
}

USAGE: Example = {
    "items": [{"day": "2026-03-02", "accepted": 4210, "refused": 3, "dropped": 12}],
    "next_cursor": None,
}
