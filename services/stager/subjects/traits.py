"""What is known of the people of a subject: role, traits, first sight. Pure."""

from collections.abc import Sequence
from typing import Any

from services.stager.identity.names import Key
from services.stager.subjects.subject import Member, encode_json
from shared.journey.model import Touchpoint


def keep(key: Key, history: Sequence[Touchpoint], out: dict[Any, Member]) -> None:
    """Profiles of everybody in a subject's history, which is in order."""
    people: dict[str, Member] = {}
    for event in history:
        person = event.person
        if person is not None and (person not in people or event.role or event.traits):
            people[person] = after(people.get(person), event)
    for person, member in people.items():
        out[*key, person] = member


def after(member: Member | None, event: Touchpoint) -> Member:
    """Profile of a person after an event that is newer than all before; equal if nothing changed."""
    if member is None:
        return Member(event.role or None, dict(event.traits), event.occurred_at)
    role = event.role or member.role
    if role == member.role and not event.traits:
        return member
    return Member(role, {**member.traits, **event.traits}, member.first_seen_at)


def row(key: tuple[int, str, str], member: Member) -> tuple[Any, ...]:
    """Row of `member`."""
    return (*key, member.role, encode_json(member.traits), member.first_seen_at)
