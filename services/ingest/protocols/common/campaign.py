"""What brought a customer here, out of the context of a foreign event. Pure.

Names are those of the UTM convention. What is no text, blank or too long is left out: a campaign
never refuses an event.
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
"""A page's address with more was made by no marketer."""


def from_context(context: Mapping[str, Any]) -> SentCampaign | None:
    """The context's own `campaign`, else the `utm_` parameters of its `page.url`."""
    told = context.get("campaign")
    if isinstance(told, dict):
        return _campaign(told)
    page = context.get("page")
    url = page.get("url") if isinstance(page, dict) else None
    return from_url(url) if isinstance(url, str) and "utm_" in url else None


def from_url(url: str) -> SentCampaign | None:
    """The `utm_` parameters of an address; the first of a name counts."""
    try:
        query = urlsplit(url).query
        pairs = parse_qsl(query, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        return None
    return from_parameters(dict(reversed(pairs)))


def from_parameters(parameters: Mapping[str, Any]) -> SentCampaign | None:
    """The campaign that parameters named `utm_source` and so on tell of."""
    return _campaign({name: parameters.get(utm) for utm, name in _UTM.items()})


def _campaign(told: Mapping[str, Any]) -> SentCampaign | None:
    found = {
        name: text
        for name in _UTM.values()
        if isinstance(value := told.get(name), str)
        and 0 < len(text := value.strip()) <= MAX_ID_CHARS
    }
    return SentCampaign(**found) if found else None
