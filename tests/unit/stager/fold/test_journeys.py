"""Which published versions come into force, and which of them are compiled at all (case E4)."""

from collections.abc import Iterable
from typing import Any

import pytest

from services.stager.fold.journeys import Journeys
from shared import maps
from shared.ids import DEFAULT_WORKSPACE
from shared.journey.compile import CompiledJourney
from shared.maps import templates
from shared.maps.published import PublishedMap

WORKSPACE = DEFAULT_WORKSPACE
UNREADABLE = {"title": "From a later release", "stages": "?"}


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Versions that were compiled, in order."""
    versions: list[int] = []
    original = PublishedMap.compiled

    def noted(self: PublishedMap) -> CompiledJourney:
        versions.append(self.version)
        return original(self)

    monkeypatch.setattr(PublishedMap, "compiled", noted)
    return versions


def published(
    versions: Iterable[int], definition: dict[str, Any] | None = None, **more: Any
) -> list[PublishedMap]:
    source = maps.parse(templates.read(templates.DEFAULT))
    content = definition or source.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return [
        PublishedMap(
            workspace_id=WORKSPACE,
            journey=templates.DEFAULT,
            version=version,
            publication=100 + version,
            definition=content,
            **more,
        )
        for version in versions
    ]


def in_force(journeys: Journeys) -> list[int]:
    return [each.journey.version for each in journeys.of(WORKSPACE).by_key.values()]


def test_of_a_thousand_versions_one_is_compiled(compiled: list[int]) -> None:
    journeys = Journeys()
    journeys.apply(published(range(1, 1001)))

    assert (journeys.publication, compiled) == (1100, [1000])


def test_a_version_that_is_older_than_the_one_in_force_changes_nothing(compiled: list[int]) -> None:
    journeys = Journeys()
    journeys.apply(published([3]))
    journeys.apply(published([2]))

    assert (in_force(journeys), compiled) == ([3], [3])


def test_the_version_before_one_that_cannot_be_read_stays(compiled: list[int]) -> None:
    journeys = Journeys()
    journeys.apply([*published([1, 2]), *published([3], UNREADABLE)])

    assert (in_force(journeys), compiled) == ([2], [3, 2])


def test_a_retired_journey_is_not_compiled(compiled: list[int]) -> None:
    journeys = Journeys()
    journeys.apply([*published([1, 2]), *published([3], is_retired=True)])

    assert (in_force(journeys), compiled) == ([], [])
    assert journeys.of(WORKSPACE).retired == {templates.DEFAULT: 3}


def test_a_journey_that_is_published_again_is_in_force(compiled: list[int]) -> None:
    journeys = Journeys()
    journeys.apply(published([1]))
    journeys.apply(published([2], is_retired=True))
    journeys.apply(published([3]))

    assert (in_force(journeys), compiled) == ([3], [1, 3])
    assert journeys.of(WORKSPACE).retired == {}
