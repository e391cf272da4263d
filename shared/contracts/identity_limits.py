"""How many names of a kind a person may have by *together* statements (decision 0024).

The stager joins by these limits, and the api explains by them what joined nothing; both read them from the
same settings. Explicit statements are bound by the number of all names alone.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.contracts.names import EMAIL, USER, record_kind


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityLimits:
    """Most names of one person. Where the answer changes, names have to be resolved again."""

    user_ids: int = 1
    records: int = 1
    """Of one kind of one provider, such as a HubSpot contact."""
    addresses: int = 200
    names: int = 200
    """All names but devices; also the names that one may stand beside before it is *shared*."""

    def most(self, kind: str) -> int:
        """Most names of a kind that `limited_kind` gives."""
        if kind == USER:
            return self.user_ids
        return self.addresses if kind == EMAIL else self.records

    def forbid(self, one: Mapping[str, int], two: Mapping[str, int]) -> bool:
        """Whether two persons, with so many names of each kind, may not become one.

        A kind that only one of them has is no obstacle, though explicit statements gave it too many.
        """
        if len(two) < len(one):
            one, two = two, one
        return any(
            kind in two and count + two[kind] > self.most(kind) for kind, count in one.items()
        )


DEFAULT_LIMITS = IdentityLimits()


def limited_kind(name: str) -> str | None:
    """What of a name is limited: `user:`, `email:`, or the kind of a provider's record; None for others."""
    for prefix in (USER, EMAIL):
        if name.startswith(prefix):
            return prefix
    return record_kind(name)


def kinds_of(names: Iterable[str]) -> Counter[str]:
    """How many names of each limited kind there are."""
    return Counter(kind for name in names if (kind := limited_kind(name)) is not None)
