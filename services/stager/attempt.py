"""One try at a batch: everything between begin and commit.

The order inside the transaction: names are resolved (and locked where they move), history is inserted,
which tells duplicates apart, subjects are folded in memory, everything is written, and last the
offsets are compared and moved. What is remembered changes only after the commit.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from services.stager import folding, identifying, profiles
from services.stager.decode import Poison
from services.stager.effects import Refold
from services.stager.errors import Conflict, FoldFailed
from services.stager.folding import Output, touchpoint
from services.stager.identifying import Known
from services.stager.identity import Key, Plan, named
from services.stager.maps import Maps
from services.stager.rereading import Members, Role, Task, fold_anew, role_of
from services.stager.rows import Advance, Row
from services.stager.store import queues, reading, writing
from services.stager.store.session import Connection
from services.stager.subjects import NEW_SUBJECT, Member, Memory, Subject
from services.stager.taking import Event, Stored, Taken
from shared.contracts.subjects import is_person
from shared.contracts.topics import TOUCHPOINTS
from shared.journey.model import Touchpoint

MemberKey = tuple[int, str, str]


class DuplicateLinked(Conflict):
    """A duplicate had linked names, which only the first of its message id may do."""

    def __init__(self, keys: set[Key]) -> None:
        super().__init__("a duplicate took part in linking names")
        self.keys = keys


async def refresh_maps(connection: Connection, maps: Maps) -> None:
    """Bring newer maps into force; to be called at the start of each writing transaction."""
    if await queues.newest_publication(connection) > maps.publication:
        maps.take(await queues.publications_after(connection, maps.publication))


def remember(
    memory: Memory,
    out: Output,
    members: Mapping[MemberKey, Member],
    loaded_at: Mapping[Key, int],
) -> None:
    """Take over what a transaction has committed."""
    for key, subject in out.subjects.items():
        memory.subjects.put(key, (subject, loaded_at[key]))
    for member_key, member in members.items():
        memory.members.put(member_key, (member, loaded_at[member_key[:2]]))


class Attempt:
    """One try at a batch. Changes nothing outside its transaction until `remember`."""

    def __init__(
        self,
        taken: Sequence[Taken],
        expected: Mapping[int, int],
        excluded: set[Key],
        *,
        memory: Memory,
        maps: Maps,
        now: datetime,
    ) -> None:
        """`excluded`: events known to be duplicates, which must not even be looked at."""
        self.memory = memory
        self.maps = maps
        self.now = now
        self.out = Output(self.now)
        self.members: dict[MemberKey, Member] = {}
        self.new_members: set[MemberKey] = set()
        self.members_gone: set[MemberKey] = set()
        self.known = Known()
        self.began = memory.tick()
        self.plan: Plan | None = None
        self.steps: dict[int, list[int]] = {}
        self.expected = expected
        self.subjects: dict[Key, Subject] = {}
        self.loaded_at: dict[Key, int] = {}
        self.newly_seen: dict[Key, set[str]] = {}
        self.roles: dict[int, Role] = {}
        """That of an account, by workspace."""
        self.events: list[Event] = []
        self.dead: list[Row] = []
        self._sort_out(taken, excluded)
        self.stored = Stored(records=len(taken))

    def _sort_out(self, taken: Sequence[Taken], excluded: set[Key]) -> None:
        seen = set(excluded)
        for each in taken:
            record, content = each.record, each.content
            step = self.steps.get(record.partition)
            if step is None:
                first = self.expected.get(record.partition, record.offset)
                step = self.steps[record.partition] = [first, 0, 0, 0, 0]
            step[1] = record.offset + 1
            if isinstance(content, Poison):
                step[4] += 1
                self.dead.append(
                    (content.workspace_id, record.partition, record.offset, record.key,
                     record.value, content.reason.value, content.detail)
                )  # fmt: skip
                continue
            key = (content.workspace_id, content.message_id)
            if key in seen:
                step[3] += 1
                continue
            seen.add(key)
            step[2] += 1
            text = (record.value or b"").decode()
            self.events.append(Event(record.partition, content, text, named(content)))

    def names(self) -> set[Key]:
        """Everybody whom this batch is about, as far as is remembered."""
        links = self.memory.links
        names: set[Key] = set()
        for event in self.events:
            said = event.named
            person = said.person
            if said.account is not None:
                names.add((said.workspace_id, said.account))
            elif person is not None:
                remembered = links.get(person)
                if remembered is not None:
                    names.add((said.workspace_id, remembered[0].subject_id))
            if person is not None:
                names.add(person)
                for weaker, _ in said.weaker:
                    names.add(weaker)
        return names

    async def run(self, connection: Connection, owner: str) -> Stored:
        """Everything between begin and commit."""
        await refresh_maps(connection, self.maps)
        if self.events:
            await self._apply(connection)
        await writing.dead_letters(connection, TOUCHPOINTS, self.dead, self.now)
        steps = [Advance(partition, *step) for partition, step in sorted(self.steps.items())]
        await queues.advance(connection, TOUCHPOINTS, steps, owner, self.now)
        stored = self.stored
        stored.applied = sum(step.applied for step in steps)
        stored.duplicate = sum(step.duplicate for step in steps)
        stored.dead = sum(step.dead for step in steps)
        stored.next_offsets = {step.partition: step.following for step in steps}
        stored.received_at = [event.envelope.received_at for event in self.events]
        stored.tally = self.out.tally
        return stored

    async def _apply(self, connection: Connection) -> None:
        plan = self.plan = await identifying.resolve(
            connection, self.memory, [event.named for event in self.events], self.known, self._load
        )
        for event in self.events:
            event.person, event.subject = plan.resolve(event.named)
        await self._insert_history(connection, plan)
        if not self.events:
            return
        writes = self.out.writes
        identifying.add_links(plan, writes)
        await writing.identities(connection, writes)
        affected: set[Key] = set()
        if plan.moved:
            moves = await identifying.move_events(connection, plan, writes, self._load)
            affected = moves.affected
            for workspace, person, subject in moves.seen:
                self._see(workspace, person, subject)
        await self._fold(connection, plan, affected)
        writes.members = [profiles.row(key, self.members[key]) for key in self.new_members]
        writes.members_gone = sorted(self.members_gone - self.new_members)
        await writing.everything_else(connection, writes, self.now)

    async def _insert_history(self, connection: Connection, plan: Plan) -> None:
        rows: list[Row] = [
            (
                event.envelope.workspace_id,
                event.envelope.message_id,
                event.subject,
                event.person,
                event.envelope.occurred_at,
                event.text,
            )
            for event in self.events
        ]
        new = await writing.touchpoints(connection, rows, self.now)
        if new is None:
            return
        duplicates = [event for event in self.events if event.key not in new]
        linked = {
            event.key
            for event in duplicates
            if event.named.person in plan.changes
            or any(weaker in plan.changes for weaker, _ in event.named.weaker)
        }
        if linked:
            raise DuplicateLinked(linked)
        for event in duplicates:
            step = self.steps[event.partition]
            step[2] -= 1
            step[3] += 1
        self.events = [event for event in self.events if event.key in new]

    def _see(self, workspace: int, person: str | None, subject: str) -> None:
        if person is not None:
            self.newly_seen.setdefault((workspace, person), set()).add(subject)

    async def _fold(self, connection: Connection, plan: Plan, affected: set[Key]) -> None:
        groups: dict[Key, list[Event]] = {}
        persons: dict[Key, list[Event]] = {}
        for event in self.events:
            workspace = event.envelope.workspace_id
            groups.setdefault((workspace, event.subject), []).append(event)
            if (
                event.person is not None
                and event.person != event.subject
                and self.maps.of(workspace).of_persons
            ):
                persons.setdefault((workspace, event.person), []).append(event)
                self._see(workspace, event.person, event.subject)
        subjects = await self._load(connection, groups.keys() | persons.keys() | affected)
        await self._look_again(connection, plan, groups, persons)
        await self._know_members(connection, groups, plan)
        tasks: dict[Key, Task] = {}
        for key in affected:
            tasks[key] = Task(subjects[key], self._role(key, plan), Refold.MERGE)
        for key, events in (*groups.items(), *persons.items()):
            if key in affected:
                continue
            subject, role = subjects[key], self._role(key, plan)
            events.sort(key=_order)
            points = [touchpoint(event.envelope, event.person) for event in events]
            change = plan.changes.get(key)
            was_known = change is None or change[0] is not None
            has_history = subject.touchpoints > 0 or (role.of_person and was_known)
            if not folding.is_current(subject, role.journeys, has_history=has_history):
                reason = Refold.MAP
            elif folding.is_late(subject, points[0]):
                reason = Refold.LATE
            else:
                self._forward(key, subject, role, points)
                if key in groups:
                    self._follow_members(key, events, points)
                continue
            tasks[key] = Task(subject, role, reason)
        if tasks:
            members = Members()
            await fold_anew(connection, tasks, self.out, members, self.newly_seen)
            self.members.update(members.written)
            self.new_members |= members.written.keys()
            self.members_gone |= members.gone

    def _forward(self, key: Key, subject: Subject, role: Role, points: list[Touchpoint]) -> None:
        try:
            folding.forward(
                key, subject, role.journeys, points, merged_into=role.merged_into, out=self.out
            )
        except Exception as exc:
            # Whatever the engine raises is our fault and no passing one: the record that brings it
            # about is kept as a dead letter, and the partition goes on.
            raise FoldFailed(f"the engine failed: {type(exc).__name__}") from exc

    def _role(self, key: Key, plan: Plan) -> Role:
        if is_person(key[1]):
            return role_of(key, self.maps.of(key[0]), plan.links.get(key))
        role = self.roles.get(key[0])
        if role is None:
            role = self.roles[key[0]] = role_of(key, self.maps.of(key[0]), None)
        return role

    async def _look_again(
        self,
        connection: Connection,
        plan: Plan,
        groups: Mapping[Key, list[Event]],
        persons: Mapping[Key, list[Event]],
    ) -> None:
        """See `Memory`: names that were read before the subjects that they lead to."""
        read_at = self.known.read_at
        suspects: set[Key] = set()
        for key, events in (*groups.items(), *persons.items()):
            loaded_at = self.loaded_at[key]
            if not loaded_at:
                continue
            if read_at.get(key, loaded_at) < loaded_at:
                suspects.add(key)
            for event in events:
                name = event.named.person
                if name is not None and read_at.get(name, loaded_at) < loaded_at:
                    suspects.add(name)
        # Those that this batch changes are guarded by their former content.
        suspects -= plan.changes.keys()
        if suspects:
            await identifying.look_again(connection, self.memory, suspects, self.known)

    async def _load(self, connection: Connection, keys: set[Key]) -> dict[Key, Subject]:
        """Subjects as of the first time that this attempt looked at each."""
        found = self.subjects
        unread: list[Key] = []
        for key in keys:
            if key in found:
                continue
            remembered = self.memory.subjects.get(key)
            if remembered is None:
                unread.append(key)
            else:
                found[key], self.loaded_at[key] = remembered
        if unread:
            rows = await reading.subjects(connection, unread)
            tick = self.memory.tick()
            for key in unread:
                subject = rows.get(key)
                if subject is None:
                    # Whoever moves a name leaves a row at both ends: no row, no move.
                    found[key], self.loaded_at[key] = NEW_SUBJECT, 0
                else:
                    found[key], self.loaded_at[key] = subject, tick
                    self.memory.subjects.put(key, (subject, tick))
        return found

    async def _know_members(
        self, connection: Connection, groups: Mapping[Key, list[Event]], plan: Plan
    ) -> None:
        unread: dict[MemberKey, Key] = {}
        remembered = self.memory.members
        for group, events in groups.items():
            loaded_at = self.loaded_at[group]
            for event in events:
                if event.person is None or event.named.person is None:
                    continue
                key = (*group, event.person)
                held = remembered.get(key)
                if held is None or held[1] < loaded_at:
                    unread[key] = event.named.person
                elif event.envelope.role or event.envelope.traits:
                    self.members[key] = held[0]
                else:
                    continue
                event.is_followed = True
        if not unread:
            return
        tick = self.memory.tick()
        found = await reading.members(connection, unread)
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
            await identifying.hold_unchanged(connection, existing, plan)

    def _follow_members(
        self, key: Key, events: Sequence[Event], points: Sequence[Touchpoint]
    ) -> None:
        for event, point in zip(events, points, strict=True):
            if event.person is None or not event.is_followed:
                continue
            member_key = (*key, event.person)
            before = self.members.get(member_key)
            after = profiles.after(before, point)
            if after is not before and after != before:
                self.members[member_key] = after
                self.new_members.add(member_key)

    def remember(self) -> None:
        """After the commit: take over what was written."""
        self.memory.members.drop(self.members_gone)
        members = {key: self.members[key] for key in self.new_members}
        remember(self.memory, self.out, members, self.loaded_at)
        if self.plan is not None:
            for name, (_, link) in self.plan.changes.items():
                self.memory.links.put(name, (link, self.began))

    def forget(self) -> None:
        """After a rollback: what was remembered may be what was wrong."""
        self.memory.subjects.drop(self.subjects)
        self.memory.members.drop(self.members)
        self.memory.links.drop(self.known.links)


def _order(event: Event) -> tuple[datetime, str]:
    return event.named.order
