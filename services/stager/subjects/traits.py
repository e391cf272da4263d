"""Role, traits and first touchpoint of the members of a subject. Pure."""

from collections.abc import Sequence
from typing import Any

from services.stager.identity.names import Key
from services.stager.subjects.subject import Member, MemberKey, encode_json
from shared.journey.model import Touchpoint


def collect_members(key: Key, history: Sequence[Touchpoint], out: dict[MemberKey, Member]) -> None:
    """Add to `out` every member of a subject, from its whole history, which is in order."""
    people: dict[str, Member] = {}
    for event in history:
        person = event.person
        if person is not None and (person not in people or event.role or event.traits):
            people[person] = member_after(people.get(person), event)
    for person, member in people.items():
        out[*key, person] = member


def member_after(member: Member | None, event: Touchpoint) -> Member:
    """The member after an event that is newer than all before; the same object if nothing changed."""
    if member is None:
        return Member(event.role or None, dict(event.traits), event.occurred_at)
    role = event.role or member.role
    if role == member.role and not event.traits:
        return member
    return Member(role, {**member.traits, **event.traits}, member.first_seen_at)


def are_same(one: Member | None, other: Member | None) -> bool:
    """Whether two members have one row, to the byte: 1 and 1.0 are two values, and keys have an order."""
    if one is None or other is None or one != other:
        return one is other
    return encode_json(one.traits) == encode_json(other.traits)


def member_row(key: MemberKey, member: Member) -> tuple[Any, ...]:
    """Row of `member`."""
    return (*key, member.role, encode_json(member.traits), member.first_seen_at)
