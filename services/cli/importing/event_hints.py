"""Names of events in a file that are likely misspellings of events that the maps know."""

from collections import Counter
from collections.abc import Iterable, Mapping

import httpx
import msgspec

from services.cli.client.http import client
from services.cli.client.target import ApiTarget
from shared.contracts.names import cleaned
from shared.wording import likely_meant

_MOST_NAMES = 1_000
_PATH = "/v1/events"


class _Name(msgspec.Struct):
    event: str
    journeys: list[str]


class _Names(msgspec.Struct):
    items: list[_Name]


def count_names(events: Counter[str], more: Mapping[str, int]) -> None:
    """Add counts by name; beyond a thousand names, those of new ones are left out."""
    for name, count in more.items():
        if name in events or len(events) < _MOST_NAMES:
            events[name] += count


def misspelt_events(to: ApiTarget | None, events: Iterable[str]) -> dict[str, str]:
    """Of `events`, those that no map in force knows, each with the known one that was likely meant.

    Empty without an api, if it cannot be reached, or the key may not read there: a hint is not worth an
    error.
    """
    if to is None:
        return {}
    try:
        with client(to) as session:
            response = session.get(_PATH).raise_for_status()
        names = msgspec.json.decode(response.content, type=_Names).items
    except (httpx.HTTPError, httpx.InvalidURL, msgspec.MsgspecError):
        return {}
    names_of_maps = {name.event for name in names if name.journeys}
    # Both in the form in which they are stored.
    unknown = {event: cleaned(event) for event in events if cleaned(event) not in names_of_maps}
    meant = ((event, likely_meant(stored, names_of_maps)) for event, stored in unknown.items())
    return {event: name for event, name in meant if name is not None}
