"""The campaign of a foreign event, by the UTM convention. Pure.

A value that is not text, blank or too long is left out: a campaign never refuses an event.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from services.ingest.events.candidate import SentCampaign
from shared.contracts.envelope import MAX_ID_CHARS

_UTM = {
    "utm_campaign": "name",
    "utm_source": "source",
    "utm_medium": "medium",
    "utm_term": "term",
    "utm_content": "content",
}
_MAX_PARAMETERS = 200
"""Bound of the query parameters of a page that are parsed."""


def from_context(context: Mapping[str, Any]) -> SentCampaign | None:
    """The context's own `campaign`, else the `utm_` parameters of its `page.url`."""
    fields = context.get("campaign")
    if isinstance(fields, dict):
        return _campaign(fields)
    page = context.get("page")
    url = page.get("url") if isinstance(page, dict) else None
    return from_url(url) if isinstance(url, str) and "utm_" in url else None


def from_url(url: str) -> SentCampaign | None:
    """The `utm_` parameters of a URL; the first of a repeated one."""
    try:
        query = urlsplit(url).query
        pairs = parse_qsl(query, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        return None
    return from_parameters(dict(reversed(pairs)))


def from_parameters(parameters: Mapping[str, Any]) -> SentCampaign | None:
    """The campaign in parameters named `utm_source` and so on."""
    return _campaign({name: parameters.get(utm) for utm, name in _UTM.items()})


def _campaign(fields: Mapping[str, Any]) -> SentCampaign | None:
    texts = {
        name: text
        for name in _UTM.values()
        if isinstance(value := fields.get(name), str)
        and 0 < len(text := value.strip()) <= MAX_ID_CHARS
    }
    return SentCampaign(**texts) if texts else None
