"""Whether an event carries the consent that its source asks for. Pure.

Read from `context.consent.categoryPreferences`, as Segment's consent wrappers write it. Only `true` is
consent. An event that speaks of consent in a way that is not understood has none.
"""

from collections.abc import Mapping
from typing import Any

from shared.sources.source import ConsentRule


def consents(context: Mapping[str, Any], rule: ConsentRule) -> bool:
    """Whether the person behind an event with this `context` has agreed to what `rule` requires."""
    said = context.get("consent")
    if said is None:
        return rule.when_missing == "accept"
    preferences = said.get("categoryPreferences") if isinstance(said, dict) else None
    if not isinstance(preferences, dict):
        return False
    return all(preferences.get(category) is True for category in rule.required)
