"""Stored timelines as periods: when a person used a device, and in which account it was. Pure.

A timeline is what the stager keeps with a name: entries in event order, each with the instant and id of its
event, a person's name (of a device) or an account (of a person), and whether the account was left. One with
more than `MOST_ENTRIES` says nothing, as in the stager (decision 0024; tests compare the two).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from shared.contracts import timelines
from shared.contracts.timelines import Timeline

__all__ = ["MOST_ENTRIES", "Period", "Timeline", "memberships", "timeline", "uses"]

MOST_ENTRIES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From `since` to before `until`, or without end, it was `value`."""

    value: str
    since: datetime
    until: datetime | None


def timeline(text: str | None) -> Timeline:
    """Read the stored JSON of a timeline; null is an empty one."""
    return timelines.decode(text)


def uses(users: Timeline, names: Collection[str], device: str) -> list[Period]:
    """When the person with these names used the device.

    Events before the first use belong to the first user, too.
    """
    if len(users) > MOST_ENTRIES:
        return []
    changes = ((each.occurred_at, device if each.value in names else None) for each in users)
    return list(_periods(changes))


def memberships(accounts: Timeline, resolved: Callable[[str], str] = str) -> list[Period]:
    """In which account a person's events without an account of their own are, and when.

    It is the account joined last and not left; events before the first period are in its account, too.
    `resolved` gives the account that stands for one.
    """
    if len(accounts) > MOST_ENTRIES:
        return []
    return list(_periods(_present_accounts(accounts, resolved)))


def _present_accounts(
    accounts: Timeline, resolved: Callable[[str], str]
) -> Iterator[tuple[datetime, str | None]]:
    joined: list[str] = []
    has_begun = False
    for each in accounts:
        account = resolved(each.value)
        if account in joined:
            joined.remove(account)
        if not each.is_left:
            joined.append(account)
            has_begun = True
        if has_begun:
            yield each.occurred_at, joined[-1] if joined else None


def _periods(changes: Iterable[tuple[datetime, str | None]]) -> Iterator[Period]:
    """Periods of equal values; a value that did not last is left out."""
    last_of_instant: dict[datetime, str | None] = dict(changes)
    kept: list[tuple[datetime, str | None]] = []
    for at, value in last_of_instant.items():
        if not kept or kept[-1][1] != value:
            kept.append((at, value))
    ends: Sequence[datetime | None] = [later[0] for _, later in pairwise(kept)] + [None]
    for (at, value), until in zip(kept, ends, strict=True) if kept else ():
        if value is not None:
            yield Period(value=value, since=at, until=until)
