"""Reads what identity resolution needs, and resolves again until nothing is missing.

Rows that may change are locked before anything that depends on them is read, so that another stager
cannot add to a person's history while it moves.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import combinations

from services.stager.batch.cached_reads import SubjectLoader
from services.stager.errors import Conflict
from services.stager.identity import timeline as times
from services.stager.identity.names import EventNames, Key, event_names
from services.stager.identity.resolution import resolve
from services.stager.identity.state import (
    OLD_RULES,
    NameRow,
    Needs,
    Resolution,
    State,
    StoredEvent,
)
from services.stager.identity.statements import StatementKind, names_in, user_of_device
from services.stager.identity.view import View
from services.stager.store import identity as tables
from services.stager.store import read
from services.stager.store.session import Connection
from services.stager.subjects.cache import RowCache
from shared.contracts.identity_limits import IdentityLimits
from shared.contracts.names import is_object, is_person
from shared.history import decode_stored

_MOST_READS = 200
"""Readings for one batch; each follows what the one before has found."""


class NameResolver:
    """Resolves the names of one batch. `resolve` once; its reads stay for the checks that follow."""

    def __init__(self, cache: RowCache, subjects: SubjectLoader, limits: IdentityLimits) -> None:
        self.read_at: dict[Key, int] = {}
        """Tick at which each row was read."""
        self._state = State(limits)
        self._cache = cache
        self._subjects = subjects
        self._locked: set[Key] = set()

    @property
    def names(self) -> Iterable[Key]:
        """Names that were read."""
        return self._state.rows.keys()

    async def resolve(
        self, connection: Connection, events: Sequence[EventNames], to_erase: AbstractSet[Key]
    ) -> Resolution:
        """Whose the events are. Raises Conflict when a cached row proves stale.

        `to_erase`: names in `events` whose persons are to be erased. After a conflict all that was read has
        to be invalidated in the cache.
        """
        await self._read_accounts(
            connection,
            {(each.workspace_id, each.account) for each in events if each.account is not None},
        )
        if not to_erase:
            owners = await self._settled_owners(connection, events)
            if owners is not None:
                state = self._state
                return Resolution(owners=owners, links=state.rows, accounts=state.absorbed)
        for _ in range(_MOST_READS):
            outcome = resolve(events, self._state, to_erase)
            if isinstance(outcome, Resolution):
                await self._lock_owners(connection, events, outcome)
                return outcome
            await self._read(connection, outcome)
        raise Conflict("names changed while they were read")

    async def lock_unmoved(
        self, connection: Connection, names: AbstractSet[Key], resolution: Resolution
    ) -> None:
        """Lock existing names against a move until the commit. Raises Conflict if one has moved."""
        rows = await tables.lock_names(connection, names)
        _check_unchanged(rows, names, resolution.links)

    async def read_again(self, connection: Connection, names: AbstractSet[Key]) -> None:
        """Compare names with what was read before. Raises Conflict if one has changed."""
        tick = self._cache.tick()
        rows = await tables.names(connection, names)
        _check_unchanged(rows, names, self._state.rows)
        for name, row in rows.items():
            self._cache.names.put(name, (row, tick))

    # -- known people need no query ----------------------------------------------------------------

    async def _settled_owners(
        self, connection: Connection, events: Sequence[EventNames]
    ) -> list[tuple[str | None, str]] | None:
        """The owners, if no event changes who is who: the usual case, decided from the cache alone."""
        accounts: set[Key] = set()
        view = View(self._state)
        for event in events:
            if not self._read_all_cached(event):
                return None
            if event.account is None and (person := view.person_at(event)) is not None:
                timeline = self._row(person).accounts
                accounts.update((event.workspace_id, each.value) for each in timeline)
        await self._read_accounts(connection, accounts)
        owners: list[tuple[str | None, str]] = []
        for event in events:
            if len(event.people) == 1 and event.device is None:
                person = (event.workspace_id, self._row(event.people[0]).person_id)
            elif self._is_joined(event, view):
                person = view.person_at(event)
            else:
                return None
            if person is not None and not self._is_in_account(event, person, view):
                return None
            owners.append((None if person is None else person[1], view.subject_at(event, person)))
        return owners

    def _read_all_cached(self, event: EventNames) -> bool:
        """Read all names of an event from the cache; False where one is missing or the event states more."""
        if event.is_statement or event.leaves or event.is_about_record:
            return False
        return all(self._read_cached(name) for name in event.people) and (
            event.device is None or self._read_cached(event.device)
        )

    def _is_in_account(self, event: EventNames, person: Key, view: View) -> bool:
        """Whether it is known that the person of an event is in the event's account then."""
        account = event.account
        if account is None:
            return True
        timeline = self._row(person).accounts
        if len(timeline) == 1 and timeline[0].value == account and not timeline[0].is_left:
            return True
        same = view.same_account(event.workspace_id)
        entry = times.Entry(event.order, account)
        return times.changes_nothing(timeline, entry, same, is_device=False)

    def _row(self, name: Key) -> NameRow:
        row = self._state.rows[name]
        if row is None:
            message = f"a name of workspace {name[0]} without a row"
            raise LookupError(message)
        return row

    def _read_cached(self, name: Key) -> bool:
        """Read a name, its person, and the users of a device from the cache; False where one is missing."""
        row = self._cached(name)
        if row is None or row.version == OLD_RULES:
            return False
        if row.person_id == name[1] and not row.users:
            # A person by its own id: the usual name.
            return True
        visited: set[Key] = set()
        waiting = [name]
        while waiting:
            name = waiting.pop()
            if name in visited:
                continue
            visited.add(name)
            row = self._cached(name)
            if row is None or row.version == OLD_RULES:
                return False
            if row.person_id != name[1]:
                waiting.append((name[0], row.person_id))
            waiting += [(name[0], user) for _, user, _ in row.users]
        return True

    def _cached(self, name: Key) -> NameRow | None:
        row = self._state.rows.get(name)
        if row is None:
            cached = self._cache.names.get(name)
            if cached is None:
                return None
            row, self.read_at[name] = cached
            self._state.rows[name] = row
        return row

    def _is_joined(self, event: EventNames, view: View) -> bool:
        """Whether everything that the names of an event say by being together is known."""
        at, pairs = event.order, self._cache.pairs
        for name, other in combinations(event.people, 2):
            if is_object(name[1]) or is_object(other[1]):
                continue
            order = pairs.get((StatementKind.TOGETHER, name, other, ""))
            if order is None or order > at:
                return False
        if event.device is not None and (user := user_of_device(event)) is not None:
            order = pairs.get((StatementKind.DEVICE, user, event.device, event.account or ""))
            if order is None or order > at:
                return False
            entry = times.Entry(at, user[1])
            users = self._row(event.device).users
            same = view.same_person(event.workspace_id)
            return times.changes_nothing(users, entry, same, is_device=True)
        return True

    # -- everything else -----------------------------------------------------------------------------

    async def _read_accounts(self, connection: Connection, accounts: AbstractSet[Key]) -> None:
        """Read these accounts, for those that another account stands for."""
        if not accounts:
            return
        subjects = await self._subjects.load(connection, accounts)
        for key in accounts:
            merged_into = subjects[key].merged_into
            if merged_into is not None and not is_person(key[1]):
                self._state.absorbed[key] = merged_into

    async def _read(self, connection: Connection, needs: Needs) -> None:
        state = self._state
        if needs.rows:
            await self._read_names(connection, needs.rows)
        if needs.pairs:
            await self._read_pairs(connection, needs)
        if needs.statements:
            await self._lock(connection, needs.statements)
            for each in await tables.statements(connection, needs.statements, state.limits.names):
                state.statements.add(each)
            state.statements_read |= needs.statements
        if needs.people:
            await self._read_people(connection, needs.people)
        if needs.histories:
            await self._read_histories(connection, needs.histories)
        if needs.last_seen:
            await self._read_last_seen(connection, needs.last_seen)
        accounts = {
            (workspace, value)
            for (workspace, name), row in state.rows.items()
            if row is not None and is_person(name)
            for _, value, _ in row.accounts
        }
        accounts |= {
            (each.names.workspace_id, each.names.account)
            for each in state.events.values()
            if each.names.account is not None
        }
        await self._read_accounts(connection, accounts)

    async def _read_names(self, connection: Connection, names: Iterable[Key]) -> None:
        state, unread = self._state, []
        for name in names:
            # Accounts are always read: the cache holds their subjects and not their names.
            cached = self._cache.names.get(name) if is_person(name[1]) else None
            if cached is None:
                unread.append(name)
            else:
                state.rows[name], self.read_at[name] = cached
        if unread:
            tick = self._cache.tick()
            rows = await tables.names(connection, unread)
            for name in unread:
                self._put(name, rows.get(name), tick)

    def _put(self, name: Key, row: NameRow | None, tick: int) -> None:
        self._state.rows[name] = row
        if row is not None:
            self.read_at[name] = tick
            self._cache.names.put(name, (row, tick))

    async def _read_pairs(self, connection: Connection, needs: Needs) -> None:
        state, cache = self._state, self._cache.pairs
        orders = await tables.orders_of_pairs(connection, needs.pairs)
        for pair in needs.pairs:
            order = state.pairs[pair] = orders.get(pair)
            if order is not None:
                cache.put(pair, order)

    async def _read_people(self, connection: Connection, persons: AbstractSet[Key]) -> None:
        """Lock persons and read all their names; no other stager adds one without the person's row."""
        state = self._state
        await self._lock(connection, persons)
        tick = self._cache.tick()
        of_persons: dict[Key, set[Key]] = {person: set() for person in persons}
        for name, row in (await tables.names_of(connection, persons)).items():
            present = state.rows.get(name)
            if present is not None and present != row:
                raise Conflict("a name was changed by another stager")
            self._put(name, row, tick)
            of_persons[name[0], row.person_id].add(name)
        state.names_of.update(of_persons)
        state.people_read |= persons

    async def _read_histories(self, connection: Connection, owners: AbstractSet[Key]) -> None:
        """Read all events of persons and of accounts; the versions of their subjects before."""
        state = self._state
        persons = {owner for owner in owners if is_person(owner[1])}
        await self._lock(connection, persons)
        seen_in = await read.seen_in(connection, persons)
        subjects = {(person[0], each) for person, seen in seen_in.items() for each in seen}
        await self._subjects.load(connection, subjects | (owners - persons))
        histories = await tables.history_of_persons(connection, persons)
        histories |= await read.history(connection, owners - persons)
        for (workspace, _), rows in histories.items():
            for row in rows:
                names = event_names(decode_stored(row.envelope))
                state.events[workspace, row.message_id] = StoredEvent(
                    names, row.person_id, row.subject_id
                )
        state.histories_read |= owners

    async def _read_last_seen(self, connection: Connection, persons: AbstractSet[Key]) -> None:
        seen_in = await read.seen_in(connection, persons)
        keys = {(person[0], each) for person, seen in seen_in.items() for each in seen}
        subjects = await self._subjects.load(connection, keys)
        for person in persons:
            last = [
                order
                for each in seen_in.get(person, ())
                if (order := subjects[person[0], each].last) is not None
            ]
            self._state.last_seen[person] = max(last, default=None)

    async def _lock(self, connection: Connection, names: AbstractSet[Key]) -> None:
        """Lock the rows of names for a change. Raises Conflict if one is not as it was read."""
        state = self._state
        fresh = {name for name in names if state.rows.get(name) is not None} - self._locked
        if not fresh:
            return
        rows = await tables.lock_names(connection, fresh, for_update=True)
        _check_unchanged(rows, fresh, state.rows)
        self._locked |= fresh

    async def _lock_owners(
        self, connection: Connection, events: Sequence[EventNames], resolution: Resolution
    ) -> None:
        """Lock the existing persons that new names join: they must not move until the commit."""
        changes, rows = resolution.changes, self._state.rows
        depends_on: set[Key] = set()
        for (workspace, _), (_, new) in changes.items():
            depends_on.add((workspace, new.person_id))
        for event in events:
            depends_on.update(name for name in names_in(event) if name not in changes)
        existing = {name for name in depends_on if rows.get(name) is not None}
        existing -= changes.keys() | self._locked
        if existing:
            rows_now = await tables.lock_names(connection, existing)
            _check_unchanged(rows_now, existing, rows)


def _check_unchanged(
    rows: Mapping[Key, NameRow], names: Iterable[Key], before: Mapping[Key, NameRow | None]
) -> None:
    if stale := [name for name in names if rows.get(name) != before.get(name)]:
        raise Conflict(f"{len(stale)} names were changed by another stager")
