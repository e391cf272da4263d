"""Members of a subject after late events, without the whole history."""

from collections.abc import Sequence

from services.stager.fold.decoding import decoded
from services.stager.fold.fold_subject import is_late
from services.stager.fold.refold_task import MemberChanges, RefoldTask
from services.stager.identity.names import Key
from services.stager.store import histories
from services.stager.store.session import Connection
from services.stager.subjects.subject import Member, MemberKey, Subject
from services.stager.subjects.traits import are_same, member_after
from shared.journey.model import Touchpoint


async def late_members(
    connection: Connection, key: Key, task: RefoldTask, members: MemberChanges
) -> None:
    """Add to `members` those that the events of `task` concern, as the whole history gives them."""
    by_person: dict[str, list[Touchpoint]] = {}
    for event in task.events:
        if event.person is not None:
            by_person.setdefault(event.person, []).append(event)
    stored = await histories.members(connection, key, [*by_person])
    for person, events in by_person.items():
        member_key, before = (*key, person), stored.get(person)
        if before is None:
            after = _added(None, events)
        else:
            after = await _after(connection, member_key, task.subject, events, before)
        if not are_same(after, before):
            members.written[member_key] = after


async def _after(
    connection: Connection,
    key: MemberKey,
    subject: Subject,
    events: Sequence[Touchpoint],
    before: Member,
) -> Member:
    """A member after `events`, some of which are late.

    A late one with a role or traits may be older than what is known: all that may say the same are read. A
    late one without can only be the first of its person.
    """
    first_at = min(events[0].occurred_at, before.first_seen_at)
    member = Member(before.role, before.traits, first_at)
    if any((each.role or each.traits) and is_late(subject, each) for each in events):
        events = await decoded(await histories.of_member(connection, key))
        member = Member(None, {}, first_at)
    return _added(member, events)


def _added(member: Member | None, events: Sequence[Touchpoint]) -> Member:
    after = member
    for event in events:
        after = member_after(after, event)
    if after is None:
        raise AssertionError
    return after
