"""Subjects and members as one batch sees them: read once, from the cache where they are cached."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from services.stager.fold.refold_task import MemberChanges
from services.stager.identity.names import Key
from services.stager.records.records import BatchEvent
from services.stager.store import read
from services.stager.store.rows import StoredTouchpoint, Writes
from services.stager.store.session import Connection
from services.stager.subjects.cache import RowCache
from services.stager.subjects.subject import NEW_SUBJECT, Member, MemberKey, Subject
from services.stager.subjects.traits import are_same, member_after, member_row
from shared.journey.model import Touchpoint

EventsByKey = Mapping[Key, list[BatchEvent]]
"""Events by the subject, or by the person, that they are about."""


class SubjectLoader:
    """The subjects of one batch, with the tick at which each was read, and their histories.

    The version of a subject is read before its history: a later addition to the history raises the
    version, and the guard of the write notices it.
    """

    def __init__(self, cache: RowCache) -> None:
        self.subjects: dict[Key, Subject] = {}
        self.read_at: dict[Key, int] = {}
        """0 for a subject without a row."""
        self._cache = cache

    async def load(self, connection: Connection, keys: AbstractSet[Key]) -> dict[Key, Subject]:
        """Read the given subjects unless this batch has them; returns all that it has."""
        subjects = self.subjects
        unread: list[Key] = []
        for key in keys:
            if key in subjects:
                continue
            cached = self._cache.subjects.get(key)
            if cached is None:
                unread.append(key)
            else:
                subjects[key], self.read_at[key] = cached
        if unread:
            rows = await read.subjects(connection, unread)
            tick = self._cache.tick()
            for key in unread:
                subject = rows.get(key)
                if subject is None:
                    # A move of a name writes the subjects at both ends: no row, no move.
                    subjects[key], self.read_at[key] = NEW_SUBJECT, 0
                else:
                    subjects[key], self.read_at[key] = subject, tick
                    self._cache.subjects.put(key, (subject, tick))
        return subjects

    async def history(
        self, connection: Connection, keys: AbstractSet[Key]
    ) -> dict[Key, list[StoredTouchpoint]]:
        """All touchpoints of the given subjects."""
        await self.load(connection, keys)
        return await read.history(connection, keys)

    async def history_of_persons(
        self, connection: Connection, persons: AbstractSet[Key]
    ) -> list[StoredTouchpoint]:
        """All touchpoints of the given persons, in every subject where they are members."""
        seen_in = await read.seen_in(connection, persons)
        keys = {(person[0], key) for person, subjects in seen_in.items() for key in subjects}
        return [
            row
            for (workspace, _), rows in (await self.history(connection, keys)).items()
            for row in rows
            if row.person_id is not None and (workspace, row.person_id) in persons
        ]


class MemberTracker:
    """The members that one batch reads, and those of them that it changes."""

    def __init__(self, cache: RowCache) -> None:
        self.members: dict[MemberKey, Member] = {}
        self._changed: set[MemberKey] = set()
        self._removed: set[MemberKey] = set()
        self._cache = cache

    async def load(
        self, connection: Connection, events: EventsByKey, subjects_read_at: Mapping[Key, int]
    ) -> set[Key]:
        """Read the members that the events may change, and mark those events as tracked.

        Returns the names of persons that are new in their subject: the caller has to lock those that exist
        already against a move until the new member is visible.
        """
        unread: dict[MemberKey, Key] = {}
        cache = self._cache.members
        for key, of_subject in events.items():
            subject_read_at = subjects_read_at[key]
            for event in of_subject:
                if event.person is None or event.names.person is None:
                    continue
                member_key = (*key, event.person)
                cached = cache.get(member_key)
                if cached is None or cached[1] < subject_read_at:
                    unread[member_key] = event.names.person
                elif event.envelope.role or event.envelope.traits:
                    self.members[member_key] = cached[0]
                else:
                    continue
                event.is_tracked = True
        if not unread:
            return set()
        tick = self._cache.tick()
        rows = await read.members(connection, unread)
        self.members.update(rows)
        for member_key, member in rows.items():
            cache.put(member_key, (member, tick))
        return {name for member_key, name in unread.items() if member_key not in self.members}

    def add(self, key: Key, events: Sequence[BatchEvent], points: Sequence[Touchpoint]) -> None:
        """Apply events of a subject that are newer than all before."""
        for event, point in zip(events, points, strict=True):
            if event.person is None or not event.is_tracked:
                continue
            member_key = (*key, event.person)
            before = self.members.get(member_key)
            after = member_after(before, point)
            if after is not before and not are_same(after, before):
                self.members[member_key] = after
                self._changed.add(member_key)

    def apply(self, refolded: MemberChanges) -> None:
        """Replace members of re-folded subjects."""
        self.members.update(refolded.written)
        self._changed |= refolded.written.keys()
        self._removed |= refolded.removed

    def add_rows(self, writes: Writes) -> None:
        """Add the rows to write and to remove."""
        writes.members = [member_row(key, self.members[key]) for key in self._changed]
        writes.members_removed = sorted(self._removed - self._changed)

    def update_cache(self, subjects_read_at: Mapping[Key, int]) -> None:
        """Cache what was written; to be called after the commit."""
        self._cache.members.invalidate(self._removed)
        for key in self._changed:
            self._cache.members.put(key, (self.members[key], subjects_read_at[key[:2]]))
