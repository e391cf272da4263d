"""One batch, one transaction: dedup, history, identity, states, alerts, notices and offsets, or
nothing of it.

The order inside the transaction: names are resolved (and locked where they move), history is
inserted, which tells duplicates apart, subjects are folded in memory, everything is written, and last
the offsets are compared and moved. What is remembered changes only after the commit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
import structlog

from services.stager import folding, identifying
from services.stager.claims import Claims
from services.stager.decode import MAX_WORKSPACE_ID, Poison, Reason, decode, reread
from services.stager.effects import Refold
from services.stager.errors import Conflict, FoldFailed, RecordFault, origin
from services.stager.folding import Output, Tally, touchpoint
from services.stager.identity import Key, Link, Named, Plan, named
from services.stager.maps import Maps
from services.stager.rereading import Members, Task, fold_anew
from services.stager.rows import Advance, Row
from services.stager.store import queues, reading, writing
from services.stager.store.session import Connection, Pool, transaction
from services.stager.subjects import NEW_SUBJECT, Member, Memory, Subject
from shared.clock import Clock
from shared.contracts.envelope import Envelope
from shared.contracts.subjects import is_person
from shared.contracts.topics import TOUCHPOINTS
from shared.errors import DatabaseUnavailable
from shared.eventlog.port import Record
from shared.journey.compile import CompiledJourney
from shared.journey.model import Touchpoint

log = structlog.get_logger(__name__)

_ATTEMPTS = 20
"""Conflicts in a row before the batch is put off like any passing fault; each lost one is a commit
of somebody else, so this many means that something is wrong."""

MemberKey = tuple[int, str, str]


class Taken(msgspec.Struct, frozen=True, gc=False):
    """A record with what its bytes mean."""

    record: Record
    content: Envelope | Poison


def take(records: Iterable[Record], *, max_bytes: int) -> list[Taken]:
    """Decode records. Pure; about 3 us each."""
    return [Taken(each, decode(each.value, max_bytes=max_bytes)) for each in records]


@dataclass(slots=True)
class Stored:
    """What one committed transaction did."""

    records: int = 0
    applied: int = 0
    duplicate: int = 0
    dead: int = 0
    received_at: list[datetime] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    next_offsets: dict[int, int] = field(default_factory=dict)


class _Event(msgspec.Struct, eq=False, gc=False):
    partition: int
    envelope: Envelope
    text: str
    named: Named
    person: str | None = None
    subject: str = ""

    @property
    def key(self) -> Key:
        return (self.envelope.workspace_id, self.envelope.message_id)


class _DuplicateLinked(Conflict):
    """A duplicate had linked names, which only the first of its message id may do."""

    def __init__(self, keys: set[Key]) -> None:
        super().__init__("a duplicate took part in linking names")
        self.keys = keys


class Writer:
    """Stores batches; shares maps, memory and the write lock with timers and jobs."""

    def __init__(self, *, pool: Pool, clock: Clock, memory: Memory, owner: str) -> None:
        """`owner` names this process in `consumer_offset`."""
        self.pool = pool
        self.clock = clock
        self.memory = memory
        self.maps = Maps()
        self.claims = Claims()
        """Held during each writing transaction: the parts of this process do not conflict."""
        self._owner = owner

    async def store(self, taken: Sequence[Taken], expected: Mapping[int, int]) -> list[Stored]:
        """Store a batch whose partitions stand at `expected`; one item a transaction, mostly one.

        A record that cannot be stored is found by halving and becomes a dead letter. Raises
        TransientError (nothing is stored, or it is unknown whether: call again, and the expected
        offsets tell), Fenced, FatalError. Safe to call at once for different partitions.
        """
        try:
            return [await self._store_whole(taken, expected)]
        except RecordFault as fault:
            if len(taken) == 1:
                return [await self._store_whole([_condemned(taken[0], fault)], expected)]
            log.warning("batch_halved", records=len(taken), reason=type(fault).__name__)
        middle = len(taken) // 2
        done = await self.store(taken[:middle], expected)
        moved = {p: o for each in done for p, o in each.next_offsets.items()}
        return done + await self.store(taken[middle:], {**expected, **moved})

    async def refresh_maps(self, connection: Connection) -> None:
        """Bring newer maps into force; to be called at the start of each writing transaction."""
        if await queues.newest_publication(connection) > self.maps.publication:
            newer = await queues.publications_after(connection, self.maps.publication)
            self.maps.take(newer)

    def remember(self, out: Output, members: Mapping[MemberKey, Member]) -> None:
        """Take over what a transaction has committed."""
        for key, subject in out.subjects.items():
            self.memory.subjects.put(key, subject)
        for member_key, member in members.items():
            self.memory.members.put(member_key, member)

    async def _store_whole(self, taken: Sequence[Taken], expected: Mapping[int, int]) -> Stored:
        excluded: set[Key] = set()
        for _ in range(_ATTEMPTS):
            attempt = _Attempt(self, taken, expected, excluded)
            async with self.claims.hold(attempt.names()):
                try:
                    async with transaction(self.pool) as connection:
                        stored = await attempt.run(connection, self._owner)
                except _DuplicateLinked as linked:
                    excluded |= linked.keys
                    continue
                except Conflict as conflict:
                    log.info("batch_conflict", records=len(taken), reason=str(conflict))
                    attempt.forget()
                    continue
                except BaseException:
                    attempt.forget()
                    raise
                attempt.remember()
            return stored
        raise DatabaseUnavailable(f"{_ATTEMPTS} conflicts in a row")


def _condemned(taken: Taken, fault: RecordFault) -> Taken:
    reason = Reason.FOLD_FAILED if isinstance(fault, FoldFailed) else Reason.REFUSED_BY_DATABASE
    log.error(
        "record_condemned",
        partition=taken.record.partition,
        offset=taken.record.offset,
        reason=reason,
        error=str(fault),
        where=origin(fault),
    )
    workspace_id = taken.content.workspace_id
    if not 0 <= workspace_id <= MAX_WORKSPACE_ID:
        workspace_id = 0
    return Taken(taken.record, Poison(reason=reason, detail=str(fault), workspace_id=workspace_id))


class _Attempt:
    """One try at a batch. Changes nothing outside its transaction until `remember`."""

    def __init__(
        self,
        writer: Writer,
        taken: Sequence[Taken],
        expected: Mapping[int, int],
        excluded: set[Key],
    ) -> None:
        self.writer = writer
        self.memory = writer.memory
        self.now = writer.clock.now()
        self.out = Output(self.now)
        self.members: dict[MemberKey, Member] = {}
        self.new_members: set[MemberKey] = set()
        self.members_gone: set[MemberKey] = set()
        self.known: dict[Key, Link | None] = {}
        self.plan: Plan | None = None
        self.steps: dict[int, list[int]] = {}
        self.expected = expected
        self.touched: set[Key] = set()
        self.newly_seen: dict[Key, set[str]] = {}
        self.events: list[_Event] = []
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
            self.events.append(_Event(record.partition, content, text, named(content)))

    def names(self) -> set[Key]:
        """Everybody whom this batch is about, as far as is remembered."""
        links = self.memory.links
        names: set[Key] = set()
        for event in self.events:
            said = event.named
            workspace = said.workspace_id
            if said.account is not None:
                names.add((workspace, said.account))
            if said.person is None:
                continue
            names.add(said.person)
            names.update(weaker for weaker, _ in said.weaker)
            link = links.get(said.person)
            if link is not None:
                names.add((workspace, link.person_id))
                names.add((workspace, link.subject_id))
        return names

    async def run(self, connection: Connection, owner: str) -> Stored:
        """Everything between begin and commit."""
        await self.writer.refresh_maps(connection)
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
            connection, self.memory, [event.named for event in self.events], self.known
        )
        for event in self.events:
            event.person, event.subject = plan.resolve(event.named)
        await self._insert_history(connection, plan)
        if not self.events:
            return
        writes = self.out.writes
        identifying.add_links(plan, writes)
        await writing.identities(connection, writes)
        affected = await self._move(connection, plan) if plan.moved else set()
        await self._fold(connection, plan, affected)
        writes.members = [folding.member_row(key, self.members[key]) for key in self.new_members]
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
            raise _DuplicateLinked(linked)
        for event in duplicates:
            step = self.steps[event.partition]
            step[2] -= 1
            step[3] += 1
        self.events = [event for event in self.events if event.key in new]

    async def _move(self, connection: Connection, plan: Plan) -> set[Key]:
        """Names changed hands: give their events to whom they now belong.

        Answers the subjects and persons whose history is another one now.
        """
        changes = {name: plan.changes[name] for name in plan.moved}
        former: set[Key] = set()
        affected: set[Key] = set()
        for (workspace, name), (old, new) in changes.items():
            if old is not None:
                former.add((workspace, old.person_id))
                affected |= {(workspace, old.person_id), (workspace, old.subject_id)}
            affected |= {(workspace, new.person_id), (workspace, new.subject_id)}
            affected.add((workspace, name))
        for person, subjects in (await reading.seen_in(connection, former)).items():
            affected |= {(person[0], subject) for subject in subjects}
        for row in await identifying.touchpoints_of(connection, former):
            envelope = reread(row.envelope)
            person_id, subject_id = plan.resolve(named(envelope))
            if (person_id, subject_id) != (row.person_id, row.subject_id):
                key = (envelope.workspace_id, row.message_id)
                self.out.writes.moved.append((*key, subject_id, person_id))
                affected.add((envelope.workspace_id, subject_id))
                self._see(envelope.workspace_id, person_id, subject_id)
        await writing.moves(connection, self.out.writes)
        return affected

    def _see(self, workspace: int, person: str | None, subject: str) -> None:
        if person is not None:
            self.newly_seen.setdefault((workspace, person), set()).add(subject)

    async def _fold(self, connection: Connection, plan: Plan, affected: set[Key]) -> None:
        journeys_of = _Roles(self.writer.maps, plan)
        groups: dict[Key, list[_Event]] = {}
        persons: dict[Key, list[_Event]] = {}
        for event in self.events:
            workspace = event.envelope.workspace_id
            groups.setdefault((workspace, event.subject), []).append(event)
            if (
                event.person is not None
                and event.person != event.subject
                and self.writer.maps.of(workspace).of_persons
            ):
                persons.setdefault((workspace, event.person), []).append(event)
                self._see(workspace, event.person, event.subject)
        subjects = await self._load(connection, groups.keys() | persons.keys() | affected)
        await self._know_members(connection, groups, plan)
        tasks: dict[Key, Task] = {}
        for key in affected:
            role = journeys_of.role(key)
            tasks[key] = Task(
                subjects[key], role.journeys, role.merged_into, Refold.MERGE, role.of_person
            )
        for key, events in (*groups.items(), *persons.items()):
            if key in affected:
                continue
            subject, role = subjects[key], journeys_of.role(key)
            events.sort(key=_order)
            points = [touchpoint(event.envelope, event.person) for event in events]
            has_history = subject.touchpoints > 0 or (role.of_person and role.is_known)
            if not folding.is_current(subject, role.journeys, has_history=has_history):
                reason = Refold.MAP
            elif folding.is_late(subject, points[0]):
                reason = Refold.LATE
            else:
                self._forward(key, subject, role, points)
                if key in groups:
                    self._follow_members(key, events, points)
                continue
            tasks[key] = Task(subject, role.journeys, role.merged_into, reason, role.of_person)
        if tasks:
            members = Members()
            await fold_anew(connection, tasks, self.out, members, self.newly_seen)
            self.members.update(members.written)
            self.new_members |= members.written.keys()
            self.members_gone |= members.gone

    def _forward(self, key: Key, subject: Subject, role: "_Role", points: list[Touchpoint]) -> None:
        try:
            folding.forward(key, subject, role.journeys, points, role.merged_into, self.out)
        except Exception as exc:
            # Whatever the engine raises is our fault and no passing one: the record that brings it
            # about is kept as a dead letter, and the partition goes on.
            raise FoldFailed(f"the engine failed: {type(exc).__name__}") from exc

    async def _load(self, connection: Connection, keys: set[Key]) -> dict[Key, Subject]:
        self.touched |= keys
        found: dict[Key, Subject] = {}
        unread: list[Key] = []
        for key in keys:
            subject = self.memory.subjects.get(key)
            if subject is None:
                unread.append(key)
            else:
                found[key] = subject
        if unread:
            rows = await reading.subjects(connection, unread)
            for key in unread:
                subject = rows.get(key)
                if subject is None:
                    found[key] = NEW_SUBJECT
                else:
                    found[key] = subject
                    self.memory.subjects.put(key, subject)
        return found

    async def _know_members(
        self, connection: Connection, groups: Mapping[Key, list[_Event]], plan: Plan
    ) -> None:
        unread: dict[MemberKey, Key] = {}
        for (workspace, subject), events in groups.items():
            for event in events:
                if event.person is None or event.named.person is None:
                    continue
                key = (workspace, subject, event.person)
                if key in self.members or key in unread:
                    continue
                member = self.memory.members.get(key)
                if member is None:
                    unread[key] = event.named.person
                else:
                    self.members[key] = member
        if not unread:
            return
        found = await reading.members(connection, unread)
        self.members.update(found)
        for member_key, member in found.items():
            self.memory.members.put(member_key, member)
        # A known name that is seen in a new place must not move before that is visible.
        existing = {
            name
            for key, name in unread.items()
            if key not in self.members and name not in plan.changes
        }
        if existing:
            await identifying.hold_unchanged(connection, existing, plan)

    def _follow_members(
        self, key: Key, events: Sequence[_Event], points: Sequence[Touchpoint]
    ) -> None:
        for event, point in zip(events, points, strict=True):
            if event.person is None:
                continue
            member_key = (*key, event.person)
            before = self.members.get(member_key)
            after = folding.member_after(before, point)
            if after is not before and after != before:
                self.members[member_key] = after
                self.new_members.add(member_key)

    def remember(self) -> None:
        """After the commit: take over what was written."""
        self.memory.members.drop(self.members_gone)
        self.writer.remember(self.out, {key: self.members[key] for key in self.new_members})
        if self.plan is not None:
            for name, (_, link) in self.plan.changes.items():
                self.memory.links.put(name, link)

    def forget(self) -> None:
        """After a rollback: what was remembered may be what was wrong."""
        self.memory.subjects.drop(self.touched)
        self.memory.members.drop(self.members)
        self.memory.links.drop(self.known)


@dataclass(frozen=True, slots=True)
class _Role:
    """As what a subject is folded."""

    journeys: Sequence[CompiledJourney]
    merged_into: str | None = None
    of_person: bool = False
    is_known: bool = True
    """Whether the person's name was there before this batch."""


class _Roles:
    """Account, person with a home account, lone person, or a name that is somebody else's now."""

    def __init__(self, maps: Maps, plan: Plan) -> None:
        self._maps = maps
        self._plan = plan

    def role(self, key: Key) -> _Role:
        journeys = self._maps.of(key[0])
        if not is_person(key[1]):
            return _Role(journeys.of_accounts)
        link: Link = self._plan.links[key]
        change = self._plan.changes.get(key)
        is_known = change is None or change[0] is not None
        if link.person_id != key[1]:
            return _Role((), link.subject_id)
        if link.subject_id == key[1]:
            return _Role(journeys.of_lone_persons)
        return _Role(journeys.of_persons, link.subject_id, of_person=True, is_known=is_known)


def _order(event: _Event) -> tuple[datetime, str]:
    return event.named.order
