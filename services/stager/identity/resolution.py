"""Who each event is about, and what a batch changes about who is who. Pure.

`resolve` works on what was read of a few names and reports what it lacks; the caller reads that and calls
again. It never needs all names of a workspace. Decision 0024 has the rules; in short:

    person of an event  = the group of its strongest name; of a device alone, its user at that time
    account of a person = the one joined last before the event and not left
    subject             = the event's own account, else the person's at that time, else the person

The outcome is a function of the set of events: what a late event changes is worked out from the stored
events of the persons concerned.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from services.stager.identity import outcome
from services.stager.identity import partition as groups
from services.stager.identity import timeline as times
from services.stager.identity.names import EventNames, Key, Order
from services.stager.identity.outcome import Changes
from services.stager.identity.state import (
    OLD_RULES,
    NameRow,
    Needs,
    Resolution,
    State,
)
from services.stager.identity.statements import (
    Statement,
    StatementKind,
    Statements,
    connected,
    counts_more,
    names_in,
    statements_of,
    uses_of_devices,
)
from services.stager.identity.view import View
from shared.contracts.names import is_device, is_object, is_person


def resolve(
    events: Sequence[EventNames], state: State, to_erase: AbstractSet[Key] = frozenset()
) -> Resolution | Needs:
    """Whose the events are, or what is missing to say so.

    `to_erase`: names in `events` whose persons are to be erased.
    """
    return _Resolver(events, state, to_erase).run()


class _Resolver:
    def __init__(
        self, events: Sequence[EventNames], state: State, to_erase: AbstractSet[Key]
    ) -> None:
        self.events = events
        self.state = state
        self.to_erase = to_erase
        self.needs = Needs()
        self.view = View(state)
        self.changes = Changes()
        self.rebuilt: set[Key] = set()
        """Stored persons whose events are all looked at."""

    def run(self) -> Resolution | Needs:
        for step in (
            self._read_rows,
            self._join,
            self._find_moved_names,
            self._time_devices,
            self._time_accounts,
            self._erase,
            self._want_names,
        ):
            step()
            if self.needs:
                return self.needs
        return outcome.resolution(self.events, self.state, self.view, self.changes)

    # -- rows ------------------------------------------------------------------------------------

    def _read_rows(self) -> None:
        state = self.state
        self._want_rows({name for event in self.events for name in names_in(event)})
        self._want_rows({name for event in self._stored_events() for name in names_in(event)})
        for (workspace, _), row in state.rows.items():
            if row is not None:
                self._want_rows([(workspace, row.person_id)])
                self._want_rows((workspace, user) for _, user, _ in row.users)
        # Names of the old rules are worked out from all that their persons ever did.
        self._want_whole(self._of_old_rules())

    def _of_old_rules(self) -> set[Key]:
        """Persons, and accounts, of rows that are to be resolved again."""
        return {
            (workspace, row.person_id)
            for (workspace, _), row in self.state.rows.items()
            if row is not None and row.version == OLD_RULES
        }

    def _want_rows(self, names: Iterable[Key]) -> None:
        self.needs.rows |= {name for name in names if name not in self.state.rows}

    def _want_whole(self, persons: Iterable[Key]) -> None:
        """Want all names and all events of stored persons, or of accounts."""
        state = self.state
        for person in persons:
            if person not in state.people_read:
                self.needs.people.add(person)
            if person not in state.histories_read:
                self.needs.histories.add(person)
            self.rebuilt.add(person)

    # -- groups ----------------------------------------------------------------------------------

    def _join(self) -> None:
        """Work out the groups of all names that new statements reach."""
        state = self.state
        statements = Statements(state.statements)
        # Known statements of names that wait count as well: former limits may have refused them.
        touched = {name for name, row in state.rows.items() if row and row.version == OLD_RULES}
        for event in [*self.events, *self._events_of_old_rules()]:
            if event.is_about_record and event.record is not None:
                touched.add(event.record)
            for each in statements_of(event):
                if self._is_new(each) and statements.add(each):
                    self.changes.statements.append(each)
                    touched |= connected(each)
        touched |= {
            event.record
            for event in self._stored_events()
            if event.is_about_record and event.record is not None
        }
        if self.needs or not touched:
            return
        self.view.reach = groups.closure(statements, touched, state.limits)
        self.needs.statements |= self.view.reach - state.statements_read
        self._want_rows(self.view.reach)
        if self.needs:
            return
        self.view.partition = groups.partition(statements, state.limits)
        self.view.records = dict(groups.representatives_of_records(statements, self.view.partition))

    def _is_new(self, statement: Statement) -> bool:
        """Whether a statement may count for more than what is stored."""
        if statement.kind in (StatementKind.EXPLICIT, StatementKind.UNMERGE):
            return True
        if statement.pair not in self.state.pairs:
            self.needs.pairs.add(statement.pair)
            return False
        order = self.state.pairs[statement.pair]
        return order is None or counts_more(statement, order)

    def _events_of_old_rules(self) -> list[EventNames]:
        old = self._of_old_rules()
        if not old:
            return []
        return [
            each.names
            for (workspace, _), each in self.state.events.items()
            if (workspace, each.person_id) in old or (workspace, each.subject_id) in old
        ]

    def _stored_events(self) -> Iterable[EventNames]:
        return (each.names for each in self.state.events.values())

    # -- names that move -------------------------------------------------------------------------

    def _find_moved_names(self) -> None:
        """Want all events of the persons that lose or gain a name which was another person's."""
        rows = self.state.rows
        # A record that another one absorbs keeps to itself the events that are about it alone.
        restated = {
            name
            for each in self.changes.statements
            if each.kind in (StatementKind.EXPLICIT, StatementKind.UNMERGE)
            for name in (each.name, each.other)
        }
        concerned: set[Key] = set()
        for name in self.view.reach:
            row = rows[name]
            if is_device(name[1]) or row is None:
                continue
            if not is_person(name[1]):
                self._find_moved_account(name, row)
                continue
            old, new = (name[0], row.person_id), self.view.partition.of(name)
            if old != new or name in restated:
                concerned |= {old, new}
        for name in self.view.reach:
            if not is_person(name[1]) and rows[name] is None:
                self._find_moved_account(name, None)
        self._want_whole(person for person in concerned if self._is_stored(person))
        self.changes.changed |= concerned

    def _find_moved_account(self, name: Key, row: NameRow | None) -> None:
        old = name[1] if row is None else row.subject_id
        if self.view.account_of(*name) == old:
            return
        key = (name[0], old)
        if key not in self.state.histories_read:
            self.needs.histories.add(key)
            return
        # Which of its people's entries say something new may depend on which accounts are one.
        people = {
            (workspace, each.person_id)
            for (workspace, _), each in self.state.events.items()
            if workspace == key[0] and each.subject_id == old and each.person_id is not None
        }
        self._want_whole(person for person in people if self._is_stored(person))

    def _is_stored(self, person: Key) -> bool:
        return self.state.rows.get(person) is not None

    # -- devices ---------------------------------------------------------------------------------

    def _time_devices(self) -> None:
        """Work out who used the devices of the batch, and of the persons whose events all are looked at."""
        uses: dict[Key, list[times.Entry]] = {}
        for event in self.events:
            for user, device in uses_of_devices(event):
                uses.setdefault(device, []).append(times.Entry(event.order, user[1]))
        for device, entries in uses.items():
            self._find_new_users(device, entries)
        if self.needs:
            return
        by_device = {device: uses[device] for device in self.view.users}
        for names in self._stored_events():
            for user, device in uses_of_devices(names):
                # With all of the batch: an entry that changed nothing may change something beside these.
                of_device = by_device.setdefault(device, list(uses.get(device, ())))
                of_device.append(times.Entry(names.order, user[1]))
        for device, entries in by_device.items():
            old = self._stored_users(device)
            if len(old) <= times.MOST_ENTRIES:
                same = self.view.same_person(device[0])
                timeline = times.rebuilt_users([*old, *entries], same)
                if timeline != old:
                    self.view.users[device] = timeline
                    self.changes.changed.add(device)

    def _stored_users(self, device: Key) -> times.Timeline:
        row = self.state.rows.get(device)
        return row.users if row is not None else ()

    def _find_new_users(self, device: Key, entries: Iterable[times.Entry]) -> None:
        """Want all events of the persons whose events on a device become another person's."""
        timeline = self._stored_users(device)
        same = self.view.same_person(device[0])
        for each in entries:
            if times.changes_nothing(timeline, each, same, is_device=True):
                continue
            self.view.users[device] = timeline
            self.changes.changed.add(device)
            order = each.order
            holder = View(self.state).user_of(device, order)
            if self._is_stored(holder):
                self.changes.changed.add(holder)
                if not (times.is_after(timeline, order) and self._is_newest(holder, order)):
                    self._want_whole([holder])

    def _is_newest(self, person: Key, order: Order) -> bool:
        """Whether no stored event of a person can be later than an instant.

        Where all its events were read they are looked at, whatever this returns.
        """
        state = self.state
        if person in state.histories_read:
            return False
        if person not in state.last_seen:
            self.needs.last_seen.add(person)
            return True
        last = state.last_seen[person]
        return last is None or last < order

    # -- accounts --------------------------------------------------------------------------------

    def _time_accounts(self) -> None:
        """Work out the accounts of the persons in the batch, and of those who gain or lose events."""
        entries: dict[Key, list[times.Entry]] = {}
        for event in self.events:
            self._add_entry(entries, event, self.view.person_at(event))
        self._want_rows(entries)
        if self.needs:
            return
        wanted = self.rebuilt | self._exchanging()
        for person, of_person in entries.items():
            if self._changes_accounts(person, of_person):
                wanted.add(person)
        self._want_whole(person for person in wanted if self._is_stored(person))
        if not self.needs:
            self._rebuild_accounts(wanted, entries)

    def _exchanging(self) -> set[Key]:
        """Persons of whom an event becomes another one's: what it says of an account goes along."""
        persons: set[Key] = set()
        for each in self.state.events.values():
            person = self.view.person_at(each.names)
            if person is None or each.person_id is None or each.names.account is None:
                continue
            if each.person_id != person[1]:
                persons |= {person, (person[0], each.person_id)}
        return persons

    def _add_entry(
        self, entries: dict[Key, list[times.Entry]], event: EventNames, person: Key | None
    ) -> None:
        if person is None or event.account is None or self.view.stands_alone(event):
            return
        entry = times.Entry(event.order, event.account, is_left=event.leaves)
        entries.setdefault(person, []).append(entry)

    def _changes_accounts(self, person: Key, entries: Sequence[times.Entry]) -> bool:
        """Change a person's timeline by new entries; whether all its events have to be looked at."""
        row = self.state.rows[person]
        timeline = row.accounts if row is not None else ()
        same = self.view.same_account(person[0])
        unknown = [
            each
            for each in entries
            if not times.changes_nothing(timeline, each, same, is_device=False)
        ]
        if not unknown:
            return False
        self.changes.changed.add(person)
        self.view.accounts[person] = times.rebuilt_accounts([*timeline, *entries], same)
        if row is None or person in self.rebuilt:
            return False
        if is_object(person[1]):
            # It belongs whole to its newest account, so its earlier events move along.
            return True
        first = min(each.order for each in unknown)
        return not (times.is_after(timeline, first) and self._is_newest(person, first))

    def _rebuild_accounts(self, persons: set[Key], entries: dict[Key, list[times.Entry]]) -> None:
        stored: dict[Key, list[times.Entry]] = {person: [] for person in persons}
        for each in self.state.events.values():
            person = self.view.person_at(each.names)
            # A stored person whose events are not all known keeps its timeline: none of these is new to it.
            if person is not None and (person in persons or not self._is_stored(person)):
                self._add_entry(stored, each.names, person)
        for person, of_person in stored.items():
            self.view.accounts[person] = times.rebuilt_accounts(
                [*of_person, *entries.get(person, ())], self.view.same_account(person[0])
            )

    # -- erasure, and what is written ------------------------------------------------------------

    def _erase(self) -> None:
        """Find the persons to erase, and remove their uses of devices."""
        erased = self.changes.erased_people
        for name in self.to_erase:
            erased.add(
                self.view.user_of(name, None) if is_device(name[1]) else self.view.person_of(name)
            )
        self._want_whole(person for person in erased if self._is_stored(person))
        if self.needs or not erased:
            return
        self.changes.erased_events = {
            message
            for message, each in self.state.events.items()
            if self.view.person_at(each.names) in erased
        }
        devices = {
            device for names in self._stored_events() for _, device in uses_of_devices(names)
        }
        devices |= {device for event in self.events for _, device in uses_of_devices(event)}
        for device in devices:
            row = self.state.rows.get(device)
            users = self.view.users.get(device, row.users if row is not None else ())
            left = tuple(
                each for each in users if self.view.person_of((device[0], each.value)) not in erased
            )
            if left and left != users:
                self.view.users[device] = left

    def _want_names(self) -> None:
        """Want every name of the persons whose present account or name changes."""
        state, view = self.state, self.view
        # Events of the old rules may have names in a spelling that has no row yet.
        spoken = [*self.events, *self._events_of_old_rules()]
        names = {name for event in spoken for name in names_in(event)}
        persons = {person for person in view.accounts if self._is_stored(person)}
        for (workspace, _), each in state.events.items():
            if each.person_id is not None:
                persons.add((workspace, each.person_id))
        for person in persons:
            row = state.rows.get(person)
            if row is None:
                continue
            if person in self.rebuilt or row.subject_id != view.home(person, None):
                if person not in state.people_read:
                    self.needs.people.add(person)
                names |= state.names_of.get(person, set())
                names.add(person)
        names |= {person for person in view.accounts if is_person(person[1])}
        # A person that a record stands apart from needs a row no more than an event's own account does.
        self.changes.names = {name for name in names if is_person(name[1]) or name in view.reach}
