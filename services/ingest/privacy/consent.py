"""Whether an event carries the consent that its source requires. Pure.

Read from `context.consent.categoryPreferences`, as Segment's consent wrappers write it. Only `true` is
consent; consent information in any other form counts as none.
"""

from collections.abc import Mapping
from typing import Any

from shared.sources.source import ConsentRule


def consents(context: Mapping[str, Any], rule: ConsentRule) -> bool:
    """Whether `context` carries all the consent that `rule` requires."""
    consent = context.get("consent")
    if consent is None:
        return rule.when_missing == "accept"
    preferences = consent.get("categoryPreferences") if isinstance(consent, dict) else None
    if not isinstance(preferences, dict):
        return False
    return all(preferences.get(category) is True for category in rule.required)
