"""What is known of the people of a subject: role, traits, first sight. Pure."""

from collections.abc import Sequence
from typing import Any

from services.stager.links import Key
from services.stager.subjects import Member, encode_json
from shared.journey.model import Touchpoint


def keep(
    key: Key, history: Sequence[tuple[Touchpoint, str | None]], out: dict[Any, Member]
) -> None:
    """Profiles of everybody in a subject's history, which is in order."""
    for event, person in history:
        if person is not None:
            member_key = (*key, person)
            out[member_key] = after(out.get(member_key), event)


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
