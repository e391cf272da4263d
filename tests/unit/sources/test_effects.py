"""What the senders of a source may do beyond adding touchpoints."""

from typing import Any

import pytest

from shared.sources.effects import Effect, effects_of_mapping, effects_of_senders
from shared.sources.source import SourceKind, SourceSettings

ERASES = {"event": "Erasure Requested", "type": "erase", "user_id": "id"}
MERGES = {"event": "M", "type": "merge", "account_id": "a", "previous_account_id": "b"}
UNMERGES = {**MERGES, "type": "unmerge"}
TRACKS = {"event": "Ticket Opened", "user_id": "id"}
SKIPS = {**ERASES, "skip": True}


def settings(*rules: dict[str, Any]) -> SourceSettings:
    return SourceSettings(mapping={"rules": list(rules)} if rules else None)


@pytest.mark.parametrize(
    ("rules", "effects"),
    [
        ((), set()),
        ((TRACKS,), set()),
        ((TRACKS, ERASES), {Effect.ERASE}),
        ((MERGES, TRACKS), {Effect.MERGE}),
        ((MERGES, ERASES), {Effect.ERASE, Effect.MERGE}),
        ((UNMERGES,), {Effect.UNMERGE}),
        ((SKIPS,), set()),
    ],
)
def test_a_mapping_has_the_effects_of_its_rules(
    rules: tuple[dict[str, Any], ...], effects: set[Effect]
) -> None:
    assert effects_of_mapping(settings(*rules)) == effects
    assert effects_of_senders(SourceKind.GENERIC, settings(*rules)) == effects


def test_hubspot_erases_without_any_mapping() -> None:
    assert effects_of_mapping(settings()) == set()
    assert effects_of_senders(SourceKind.HUBSPOT, settings()) == {Effect.ERASE}
    assert effects_of_senders(SourceKind.HUBSPOT, settings(MERGES)) == {Effect.ERASE, Effect.MERGE}
