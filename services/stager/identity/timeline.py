"""Who used a device when, and which account a person was in when. Pure.

A timeline is a tuple of entries in event order, without those that say again what already holds. An entry
may be left out only while no other one comes to lie between it and its predecessor: a caller that adds an
entry anywhere but at the end has to add those again that events between there and the next entry make. The
entries of a device's timeline are names of people, those of a person's are accounts.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from services.stager.identity.names import Order


class Entry(NamedTuple):
    """From an event on, a device is used by `value`, or a person is in the account `value`."""

    order: Order
    value: str
    is_left: bool = False
    """Whether the account is left."""


Timeline = tuple[Entry, ...]

MOST_ENTRIES = 200
"""A device with more users in turn, or a person with more changes of account, has none."""


def user_at(timeline: Timeline, order: Order | None) -> str | None:
    """Who used the device: the last at or before, else the first; None where it has no user.

    `order` None: at present.
    """
    if not timeline or len(timeline) > MOST_ENTRIES:
        return None
    if order is None:
        return timeline[-1].value
    user = timeline[0].value
    for each in timeline:
        if each.order > order:
            break
        user = each.value
    return user


def is_after(timeline: Timeline, order: Order) -> bool:
    """Whether a timeline has begun, and an instant lies behind its last entry."""
    return any(not each.is_left for each in timeline) and order > timeline[-1].order


def account_at(
    timeline: Timeline, order: Order | None, resolved: Callable[[str], str] = str
) -> str | None:
    """The account of a person: the last joined at or before and not left; before the first, the first.

    `order` None: after all entries, as for an object, which belongs whole to its last account. `resolved`
    gives the account that stands for one.
    """
    if not timeline or len(timeline) > MOST_ENTRIES:
        return None
    joined: list[str] = []
    has_begun = False
    for at, value, is_left in timeline:
        if order is not None and at > order:
            break
        account = resolved(value)
        if account in joined:
            joined.remove(account)
        if not is_left:
            joined.append(account)
            has_begun = True
    if joined:
        return joined[-1]
    if has_begun:
        return None
    first = next((each.value for each in timeline if not each.is_left), None)
    return None if first is None else resolved(first)


def rebuilt_users(entries: Iterable[Entry], person_of: Callable[[str], str]) -> Timeline:
    """The timeline of a device from all entries in question; one person's in a row count once."""
    kept: list[Entry] = []
    for each in sorted(set(entries)):
        if not kept or person_of(kept[-1].value) != person_of(each.value):
            kept.append(each)
            if len(kept) > MOST_ENTRIES + 1:
                break
    return tuple(kept)


def rebuilt_accounts(entries: Iterable[Entry], resolved: Callable[[str], str] = str) -> Timeline:
    """The timeline of a person from all entries in question, without those that change nothing."""
    kept: list[Entry] = []
    joined: list[str] = []
    for each in sorted(set(entries)):
        account, is_left = resolved(each.value), each.is_left
        if is_left:
            # Kept even where it ends nothing: an earlier entry may come late that it ends.
            if account in joined:
                joined.remove(account)
        else:
            if joined and joined[-1] == account:
                continue
            if account in joined:
                joined.remove(account)
            joined.append(account)
        kept.append(each)
        if len(kept) > MOST_ENTRIES + 1:
            break
    return tuple(kept)


def changes_nothing(
    timeline: Timeline, new: Entry, same: Callable[[str], str], *, is_device: bool
) -> bool:
    """Whether a timeline stays as it is with an entry in it."""
    if len(timeline) > MOST_ENTRIES:
        return True
    order, value = new.order, same(new.value)
    if is_device:
        user = user_at(timeline, order)
        return user is not None and same(user) == value
    if new.is_left:
        return False
    if not timeline or (order < timeline[0].order and any(each.is_left for each in timeline)):
        return False
    return account_at(timeline, order, same) == value
