"""Effects that the senders of a source may have beyond adding touchpoints. Pure.

A source does on behalf of its senders what its mapping says, so these are what the author of the mapping,
and the author of a secret, must be allowed to do themselves.
"""

from enum import StrEnum

from shared.sources.source import SourceKind, SourceSettings


class Effect(StrEnum):
    """Something that an event of a source does, named as the `type` of a mapping's rule."""

    ERASE = "erase"
    """A person is erased for good."""
    MERGE = "merge"
    """An account absorbs another one."""
    UNMERGE = "unmerge"
    """Persons or accounts are one no longer."""


_OF_KIND = {SourceKind.HUBSPOT: frozenset({Effect.ERASE})}
"""Effects without any mapping. HubSpot's `privacyDeletion` erases a contact; mergers of providers concern
only records of their own, under ids with the provider's prefix."""


def effects_of_mapping(settings: SourceSettings) -> frozenset[Effect]:
    """Effects of the rules of a mapping; of a valid one, as `read_settings` returns it."""
    rules = (settings.mapping or {}).get("rules", ())
    types = {rule.get("type") for rule in rules if not rule.get("skip")}
    return frozenset(effect for effect in Effect if effect.value in types)


def effects_of_senders(kind: SourceKind, settings: SourceSettings) -> frozenset[Effect]:
    """Effects that a sender with a secret of the source may have."""
    return _OF_KIND.get(kind, frozenset()) | effects_of_mapping(settings)
