"""Which events the maps in force know, and which name a misspelt one was likely meant to be. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.api.maps.cache import PreparedMap
from shared.wording import likely_meant

_MOST_COMPARED = 200
"""Unknown names compared in one response: a comparison with a hundred names takes a millisecond."""


@dataclass(slots=True)
class KnownEvents:
    """The events of the maps of one workspace, for one response."""

    journeys: Mapping[str, list[str]]
    """Keys of the journeys that know an event, by its name."""
    _meant: dict[str, str | None] = field(default_factory=dict)

    def is_known(self, event: str) -> bool:
        """Whether a map names the event as a touchpoint or waits for it."""
        return event in self.journeys

    def meant(self, event: str) -> str | None:
        """The known event of which an unknown one is very likely a misspelling.

        Only for the first 200 unknown names that are asked about.
        """
        if event in self.journeys:
            return None
        if event not in self._meant and len(self._meant) < _MOST_COMPARED:
            self._meant[event] = likely_meant(event, self.journeys)
        return self._meant.get(event)


def known_events(newest: Mapping[str, PreparedMap]) -> KnownEvents:
    """The events of all journeys in force."""
    journeys: dict[str, list[str]] = {}
    for key in sorted(newest):
        for event in newest[key].events:
            journeys.setdefault(event, []).append(key)
    return KnownEvents(journeys)
