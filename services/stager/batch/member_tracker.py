"""What a batch learns about the people whom it sees in a subject."""

from collections.abc import Mapping, Sequence

from services.stager.batch import resolve_names
from services.stager.batch.load_subjects import Groups
from services.stager.fold.refold import Members
from services.stager.identity.names import Key
from services.stager.identity.resolution import Plan
from services.stager.records.records import Event
from services.stager.store import read
from services.stager.store.rows import Writes
from services.stager.store.session import Connection
from services.stager.subjects import traits
from services.stager.subjects.cache import Memory
from services.stager.subjects.subject import Member
from shared.journey.model import Touchpoint

MemberKey = tuple[int, str, str]
"""Workspace, subject, person."""


class Following:
    """The members that one batch looks at, and which of them it changes."""

    def __init__(self, memory: Memory) -> None:
        self.members: dict[MemberKey, Member] = {}
        self._new: set[MemberKey] = set()
        self._gone: set[MemberKey] = set()
        self._memory = memory

    async def know(
        self, connection: Connection, groups: Groups, loaded_at: Mapping[Key, int], plan: Plan
    ) -> None:
        """Read whom the events are about, where that may matter. Raises Conflict."""
        unread: dict[MemberKey, Key] = {}
        remembered = self._memory.members
        for group, events in groups.items():
            subject_loaded_at = loaded_at[group]
            for event in events:
                if event.person is None or event.named.person is None:
                    continue
                key = (*group, event.person)
                held = remembered.get(key)
                if held is None or held[1] < subject_loaded_at:
                    unread[key] = event.named.person
                elif event.envelope.role or event.envelope.traits:
                    self.members[key] = held[0]
                else:
                    continue
                event.is_followed = True
        if not unread:
            return
        tick = self._memory.tick()
        found = await read.members(connection, unread)
        self.members.update(found)
        for member_key, member in found.items():
            remembered.put(member_key, (member, tick))
        # A known name that is seen in a new place must not move before that is visible.
        existing = {
            name
            for key, name in unread.items()
            if key not in self.members and name not in plan.changes
        }
        if existing:
            await resolve_names.hold_unchanged(connection, existing, plan)

    def follow(self, key: Key, events: Sequence[Event], points: Sequence[Touchpoint]) -> None:
        """Take in events that are newer than all before."""
        for event, point in zip(events, points, strict=True):
            if event.person is None or not event.is_followed:
                continue
            member_key = (*key, event.person)
            before = self.members.get(member_key)
            after = traits.after(before, point)
            if after is not before and after != before:
                self.members[member_key] = after
                self._new.add(member_key)

    def take(self, refolded: Members) -> None:
        """What a history that was folded anew tells."""
        self.members.update(refolded.written)
        self._new |= refolded.written.keys()
        self._gone |= refolded.gone

    def write(self, writes: Writes) -> None:
        """The rows."""
        writes.members = [traits.row(key, self.members[key]) for key in self._new]
        writes.members_gone = sorted(self._gone - self._new)

    def remember(self, loaded_at: Mapping[Key, int]) -> None:
        """After the commit."""
        self._memory.members.drop(self._gone)
        for key in self._new:
            self._memory.members.put(key, (self.members[key], loaded_at[key[:2]]))
