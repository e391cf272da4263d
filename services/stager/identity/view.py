"""Whose names are and where people are, by what was read and by what a batch changes of it. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field

from services.stager.identity import timeline as times
from services.stager.identity.names import EventNames, Key, Order
from services.stager.identity.partition import Partition
from services.stager.identity.state import State
from shared.contracts.names import is_device, is_object

_MOST_STEPS = 5
"""An account that a record stands for, whose records stand for another one, and so on."""


@dataclass(slots=True)
class View:
    """The stored state with the changes of a batch on top."""

    state: State
    partition: Partition = field(default_factory=Partition)
    records: dict[Key, Key] = field(default_factory=dict)
    """Account of each group of accounts that has a record with one."""
    reach: set[Key] = field(default_factory=set)
    """Names whose group was worked out again."""
    users: dict[Key, times.Timeline] = field(default_factory=dict)
    """Timelines of devices that change."""
    accounts: dict[Key, times.Timeline] = field(default_factory=dict)
    """Timelines of persons that change."""

    def person_of(self, name: Key) -> Key:
        """The person of a name that is no device."""
        if name in self.reach:
            return self.partition.of(name)
        row = self.state.rows.get(name)
        if row is None or is_device(name[1]):
            return name
        return (name[0], row.person_id)

    def account_of(self, workspace: int, account: str) -> str:
        """The account that stands for one."""
        key = (workspace, account)
        for _ in range(_MOST_STEPS):
            if key not in self.reach:
                break
            group = self.partition.of(key)
            onward = self.records.get(group)
            if onward is None:
                return group[1]
            key = onward
        return self.state.absorbed.get(key, key[1])

    def user_of(self, device: Key, order: Order | None) -> Key:
        """The person on a device at an instant (None: now): the device itself where it has no user."""
        timeline = self.users.get(device)
        if timeline is None:
            row = self.state.rows.get(device)
            timeline = row.users if row is not None else ()
        user = times.user_at(timeline, order)
        return device if user is None else self.person_of((device[0], user))

    def person_at(self, event: EventNames) -> Key | None:
        """The person of an event."""
        if event.people:
            name = event.people[0]
            return name if self.stands_alone(event) else self.person_of(name)
        return None if event.device is None else self.user_of(event.device, event.order)

    def stands_alone(self, event: EventNames) -> bool:
        """Whether an event is about a record that another one absorbed, and so about nothing else."""
        if not event.is_about_record:
            return False
        record = event.record
        return record is not None and record in self.partition.absorbed

    def same_account(self, workspace: int) -> Callable[[str], str]:
        """`account_of` for one workspace."""
        return lambda account: self.account_of(workspace, account)

    def same_person(self, workspace: int) -> Callable[[str], str]:
        """`person_of` for one workspace."""
        return lambda name: self.person_of((workspace, name))[1]

    def subject_at(self, event: EventNames, person: Key | None) -> str:
        """The subject of an event of a person."""
        workspace = event.workspace_id
        if event.account is not None:
            if not event.people and self.stands_alone(event):
                return event.account
            return self.account_of(workspace, event.account)
        if person is None:
            message = "an event names an account or a person"
            raise ValueError(message)
        if self.stands_alone(event):
            return person[1]
        return self.home(person, event.order)

    def home(self, person: Key, order: Order | None) -> str:
        """The account of a person at an instant (None: now), else the person itself."""
        timeline = self.accounts.get(person)
        if timeline is None:
            row = self.state.rows.get(person)
            timeline = row.accounts if row is not None else ()
        if is_object(person[1]):
            order = None
        account = times.account_at(timeline, order, self.same_account(person[0]))
        return person[1] if account is None else account
