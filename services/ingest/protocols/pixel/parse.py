"""A touchpoint in the query of an image, as an e-mail can carry it. Pure."""

from collections.abc import Mapping
from typing import Any

from services.ingest.events import strict_json
from services.ingest.events.candidate import Candidate, build_native
from services.ingest.events.instants import instant
from services.ingest.events.verdicts import Refused

DEFAULT_EVENT = "Email Opened"
_FIELDS = (
    "event", "account_id", "user_id", "anonymous_id", "email", "message_id", "channel", "role",
)  # fmt: skip
_CAMPAIGN = {
    "campaign": "name", "utm_campaign": "name", "utm_source": "source", "utm_medium": "medium",
    "utm_term": "term", "utm_content": "content",
}  # fmt: skip


def parse(parameters: Mapping[str, str]) -> Candidate | Refused:
    """The candidate; parameters that are not fields become properties."""
    unfit = strict_json.hazard(dict(parameters))
    if unfit is not None:
        return unfit
    fields: dict[str, Any] = {"event": DEFAULT_EVENT, "channel": "email"}
    campaign: dict[str, str] = {}
    properties: dict[str, str] = {}
    for name, value in parameters.items():
        if not value:
            continue
        if name in _FIELDS:
            # Templates do not encode addresses, and a plus in a query means a space, which no address has.
            fields[name] = value.strip().replace(" ", "+") if name == "email" else value
        elif name == "occurred_at":
            # Templates write counts since 1970 as well, and nobody reads the answer to an image.
            is_count = value.strip().replace(".", "", 1).isdecimal()
            fields[name] = (instant(value) if is_count else None) or value
        elif name in _CAMPAIGN:
            campaign[_CAMPAIGN[name]] = value
        else:
            properties[name] = value
    if campaign:
        fields["campaign"] = campaign
    return build_native({**fields, "properties": properties})
