"""The names of events that a map knows: its touchpoints, and the events that its rules read. Pure."""

from collections.abc import Iterator

from shared.maps.document import MapDocument
from shared.maps.problems import Path
from shared.maps.references import conditions_of
from shared.maps.rules import walk


def events_read(document: MapDocument) -> Iterator[tuple[Path, str]]:
    """Every event that a rule reads, with its place."""
    for place, outermost in conditions_of(document):
        for path, rule in walk(place, outermost):
            for inner, event in rule.events():
                yield (*path, *inner), event


def touchpoint_events(document: MapDocument) -> set[str]:
    """The events of the touchpoints."""
    return {touchpoint.event for stage in document.stages for touchpoint in stage.touchpoints}


def events_known(document: MapDocument) -> frozenset[str]:
    """Every event that the map names as a touchpoint or reads in a rule."""
    return frozenset(touchpoint_events(document).union(event for _, event in events_read(document)))
