"""One try at a batch: everything between begin and commit.

The order inside the transaction: names are resolved (and locked where they move), history is inserted,
which tells duplicates apart, subjects are folded in memory, everything is written, and last the
offsets are compared and moved. What is remembered changes only after the commit.

Forgetting people is the exception: it needs the database alone, so a batch that finds out that it has
to ends with `NeedsToBeAlone` and is tried again as such.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from services.stager.batch import erase_people, resolve_names
from services.stager.batch.classify import Sorted, names_of
from services.stager.batch.load_subjects import Loading
from services.stager.batch.member_tracker import Following
from services.stager.batch.resolve_names import Known
from services.stager.batch.tombstones import Erased
from services.stager.errors import Conflict, FoldFailed
from services.stager.fold import fold_subject
from services.stager.fold.fold_subject import Output, touchpoint
from services.stager.fold.journeys import Maps
from services.stager.fold.output_rows import Refold
from services.stager.fold.refold import Members, Role, Task, fold_anew, role_of
from services.stager.identity.names import Key
from services.stager.identity.resolution import Plan
from services.stager.records.records import Event, Stored, Taken
from services.stager.store import erasure as lists
from services.stager.store import queues, write
from services.stager.store.rows import Forgotten, Row
from services.stager.store.session import Connection
from services.stager.subjects.cache import Memory
from services.stager.subjects.subject import Subject
from shared.contracts.names import is_person
from shared.contracts.topics import TOUCHPOINTS
from shared.journey.model import Touchpoint


class DuplicateLinked(Conflict):
    """A duplicate had linked names, which only the first of its message id may do."""

    def __init__(self, keys: set[Key]) -> None:
        super().__init__("a duplicate took part in linking names")
        self.keys = keys


class NeedsToBeAlone(Conflict):
    """Somebody is to be forgotten, which no other batch may miss."""


async def refresh_maps(connection: Connection, maps: Maps) -> None:
    """Bring newer maps into force; to be called at the start of each writing transaction."""
    if await queues.newest_publication(connection) > maps.publication:
        maps.take(await queues.publications_after(connection, maps.publication))


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
        erased: Erased,
        now: datetime,
        is_alone: bool = False,
    ) -> None:
        """`excluded`: events known to be duplicates, which must not even be looked at."""
        self.memory = memory
        self.maps = maps
        self.erased = erased
        self.now = now
        self.out = Output(self.now)
        self.loading = Loading(memory)
        self.following = Following(memory)
        self.known = Known()
        self.began = memory.tick()
        self.epoch = memory.epoch
        self.plan: Plan | None = None
        self.newly_seen: dict[Key, set[str]] = {}
        self.roles: dict[int, Role] = {}
        """That of an account, by workspace."""
        self.gone = Forgotten()
        self.batch = Sorted(taken, expected, excluded)
        self.stored = Stored(records=len(taken))
        self.is_alone = is_alone or bool(self.batch.requests)
        self.is_forgetting = False

    def names(self) -> set[Key] | None:
        """Everybody whom this batch is about, as far as is remembered; None: it may be anybody."""
        if self.is_alone or self.batch.has_merges:
            return None
        return names_of(self.batch.events, self.memory)

    async def run(self, connection: Connection, owner: str) -> Stored:
        """Everything between begin and commit."""
        batch = self.batch
        await self._begin(connection)
        if unmapped := batch.unmapped():
            batch.drop_letters(await queues.known_unmapped(connection, unmapped))
        if batch.requests:
            done = await lists.known_requests(connection, [each.key for each in batch.requests])
            batch.drop_requests(done)
        if batch.events or batch.requests:
            await self._apply(connection)
        letters = [letter.row for letter in batch.letters]
        await write.dead_letters(connection, TOUCHPOINTS, letters, self.now)
        await queues.advance(connection, TOUCHPOINTS, batch.advances(), owner, self.now)
        batch.sum_up(self.stored)
        self.stored.tally = self.out.tally
        return self.stored

    async def _begin(self, connection: Connection) -> None:
        """See what was published, and who was forgotten, since the batch before."""
        publication, change = await queues.newest(connection, is_alone=self.is_alone)
        if publication > self.maps.publication:
            self.maps.take(await queues.publications_after(connection, self.maps.publication))
        if change > self.erased.change:
            changes = await lists.changes_after(connection, self.erased.change)
            if self.erased.take(changes):
                # Rows of theirs that are remembered have no version any more that could be wrong.
                self.memory.clear()
        self.epoch = self.memory.epoch

    async def _apply(self, connection: Connection) -> None:
        plan = self.plan = await self._resolve(connection)
        for event in self.batch.events:
            event.person, event.subject = plan.resolve(event.named)
        tombstones = await erase_people.tombstones(connection, plan, self.erased)
        if tombstones and not self.is_alone:
            raise NeedsToBeAlone("a name turned out to be that of a person to be forgotten")
        self.is_forgetting = self.is_alone and bool(plan.forgotten)
        dropped = self.batch.drop_forgotten(plan.forgotten) if plan.forgotten else []
        if self.batch.events:
            await self._insert_history(connection, plan)
        if not self.batch.events and not plan.forgotten:
            return
        writes = self.out.writes
        resolve_names.add_links(plan, writes)
        await write.identities(connection, writes)
        affected: set[Key] = set()
        if plan.moved:
            moves = await resolve_names.move_events(connection, plan, writes, self.loading.load)
            affected = moves.affected - plan.forgotten
            for workspace, person, subject in moves.seen:
                self._see(workspace, person, subject)
        await self._fold(connection, plan, affected)
        if self.is_forgetting:
            self._leave_out_emptied(plan, affected)
        self.following.write(writes)
        await write.everything_else(connection, writes, self.now)
        if self.is_forgetting:
            await self._forget(connection, plan, tombstones, dropped)

    async def _resolve(self, connection: Connection) -> Plan:
        events, known = self.batch.events, self.known
        accounts = {
            (event.envelope.workspace_id, event.named.account)
            for event in events
            if event.named.account is not None
        }
        for key, subject in (await self.loading.load(connection, accounts)).items():
            if subject.merged_into is not None and not is_person(key[1]):
                known.accounts[key] = subject.merged_into
        if self.erased:
            known.marked = erase_people.mark(events, self.erased, self.memory)
        told = [event.named for event in events]
        if self.batch.requests:
            asked = await erase_people.asked(connection, self.batch.requests)
            known.marked |= {each.person for each in asked if each.person is not None}
            told += asked
        return await resolve_names.resolve(connection, self.memory, told, known, self.loading.load)

    def _leave_out_emptied(self, plan: Plan, affected: set[Key]) -> None:
        """An account that only forgotten people had leaves nothing."""
        emptied = {
            key
            for key in affected
            if not is_person(key[1])
            and key in self.out.subjects
            and self.out.subjects[key].touchpoints == 0
            and self.out.subjects[key].merged_into is None
        }
        writes = self.out.writes
        writes.subjects = [row for row in writes.subjects if (row[0], row[1]) not in emptied]
        self.gone.subjects = sorted(emptied | plan.forgotten)

    async def _forget(
        self,
        connection: Connection,
        plan: Plan,
        tombstones: list[tuple[int, bytes, bool]],
        dropped: Sequence[Event],
    ) -> None:
        gone, requests = self.gone, self.batch.requests
        gone.names = sorted(plan.forgotten)
        gone.messages = [(row[0], row[1]) for row in self.out.writes.touchpoints_gone]
        gone.tombstones = tombstones
        await erase_people.forget(connection, gone, requests, self.now)
        if gone.messages:
            because = [*requests, *dropped][0]
            self.batch.steps[because.partition].forgotten += len(gone.messages)

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
            for event in self.batch.events
        ]
        new = await write.touchpoints(connection, rows, self.now)
        if new is None:
            return
        duplicates = self.batch.drop_duplicates(new)
        linked = {
            event.key
            for event in duplicates
            if event.named.person in plan.changes
            or any(weaker in plan.changes for weaker, _ in event.named.weaker)
        }
        if linked:
            raise DuplicateLinked(linked)

    def _see(self, workspace: int, person: str | None, subject: str) -> None:
        if person is not None:
            self.newly_seen.setdefault((workspace, person), set()).add(subject)

    async def _fold(self, connection: Connection, plan: Plan, affected: set[Key]) -> None:
        groups: dict[Key, list[Event]] = {}
        persons: dict[Key, list[Event]] = {}
        for event in self.batch.events:
            workspace = event.envelope.workspace_id
            groups.setdefault((workspace, event.subject), []).append(event)
            if (
                event.person is not None
                and event.person != event.subject
                and self.maps.of(workspace).of_persons
            ):
                persons.setdefault((workspace, event.person), []).append(event)
                self._see(workspace, event.person, event.subject)
        wanted = groups.keys() | persons.keys() | affected
        subjects = await self.loading.load(connection, wanted)
        await self.loading.look_again(connection, plan, self.known, groups, persons)
        await self.following.know(connection, groups, self.loading.at, plan)
        tasks: dict[Key, Task] = {}
        for key in affected:
            reason = Refold.ERASE if self.is_forgetting else Refold.MERGE
            tasks[key] = Task(subjects[key], self._role(key, plan), reason)
        for key, events in (*groups.items(), *persons.items()):
            if key in affected:
                continue
            subject, role = subjects[key], self._role(key, plan)
            events.sort(key=_order)
            points = [touchpoint(event.envelope, event.person) for event in events]
            change = plan.changes.get(key)
            was_known = change is None or change[0] is not None
            has_history = subject.touchpoints > 0 or (role.of_person and was_known)
            if not fold_subject.is_current(subject, role.journeys, has_history=has_history):
                reason = Refold.MAP
            elif fold_subject.is_late(subject, points[0]):
                reason = Refold.LATE
            else:
                self._forward(key, subject, role, points)
                if key in groups:
                    self.following.follow(key, events, points)
                continue
            tasks[key] = Task(subject, role, reason)
        if tasks:
            members = Members()
            await fold_anew(connection, tasks, self.out, members, self.newly_seen)
            self.following.take(members)

    def _forward(self, key: Key, subject: Subject, role: Role, points: list[Touchpoint]) -> None:
        try:
            fold_subject.forward(
                key, subject, role.journeys, points, merged_into=role.merged_into, out=self.out
            )
        except Exception as exc:
            # Whatever the engine raises is our fault and no passing one: the record that brings it
            # about is kept as a dead letter, and the partition goes on.
            raise FoldFailed(f"the engine failed: {type(exc).__name__}") from exc

    def _role(self, key: Key, plan: Plan) -> Role:
        if is_person(key[1]):
            return role_of(key, self.maps.of(key[0]), plan.links.get(key))
        survivor = plan.accounts.get(key, key[1])
        if survivor != key[1]:
            return Role((), survivor)
        role = self.roles.get(key[0])
        if role is None:
            role = self.roles[key[0]] = role_of(key, self.maps.of(key[0]), None)
        return role

    def remember(self) -> None:
        """After the commit: take over what was written."""
        if self.memory.epoch != self.epoch:
            return
        if self.is_forgetting:
            self.memory.clear()
            return
        for key, subject in self.out.subjects.items():
            self.memory.subjects.put(key, (subject, self.loading.at[key]))
        self.following.remember(self.loading.at)
        if self.plan is not None:
            for name, (_, link) in self.plan.changes.items():
                if name not in self.plan.forgotten:
                    self.memory.links.put(name, (link, self.began))

    def forget(self) -> None:
        """After a rollback: what was remembered may be what was wrong."""
        self.memory.subjects.drop(self.loading.subjects)
        self.memory.members.drop(self.following.members)
        self.memory.links.drop(self.known.links)


def _order(event: Event) -> tuple[datetime, str]:
    return event.named.order
