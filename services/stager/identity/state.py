"""What identity resolution has read, what it has yet to read, and its result. Values only."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import msgspec

from services.stager.identity.names import EventNames, Key, Order
from services.stager.identity.statements import Pair, Statement, Statements
from services.stager.identity.timeline import Timeline
from shared.contracts.identity_limits import DEFAULT_LIMITS, IdentityLimits

OLD_RULES = 0
"""`NameRow.version` of a name that waits to be resolved again: by a former release, or by former limits."""


class NameRow(msgspec.Struct, frozen=True, gc=False):
    """A row of `identifier`: whose a name is, and where that person is now.

    An account has a row only where another one stands for it, which is its `person_id` then.
    """

    version: int
    person_id: str
    subject_id: str
    users: Timeline = ()
    """Of a device: names of the people who used it in turn."""
    accounts: Timeline = ()
    """Of a person, in the row of its `person_id`: the accounts that it was in."""

    def equals(self, other: "NameRow") -> bool:
        """Whether two rows differ in nothing but the version."""
        return (self.person_id, self.subject_id, self.users, self.accounts) == (
            other.person_id, other.subject_id, other.users, other.accounts,
        )  # fmt: skip


class StoredEvent(msgspec.Struct, frozen=True, gc=False):
    """A stored touchpoint: what it says, and whose it is at present."""

    names: EventNames
    person_id: str | None
    subject_id: str


@dataclass(slots=True)
class State:
    """The rules in force, and what was read, each part with the keys that it was read for."""

    limits: IdentityLimits = DEFAULT_LIMITS
    rows: dict[Key, NameRow | None] = field(default_factory=dict)
    """None: the name has no row."""
    statements: Statements = field(default_factory=Statements)
    statements_read: set[Key] = field(default_factory=set)
    """Names all of whose statements are in `statements`, as far as `closure` follows them."""
    pairs: dict[Pair, Order | None] = field(default_factory=dict)
    """Statements that were looked up by themselves, with the event that made each."""
    people_read: set[Key] = field(default_factory=set)
    """Persons of whom all names are in `rows`."""
    names_of: dict[Key, set[Key]] = field(default_factory=dict)
    """Those names, by person."""
    histories_read: set[Key] = field(default_factory=set)
    """Persons, and accounts, of whom all events are in `events`."""
    events: dict[Key, StoredEvent] = field(default_factory=dict)
    """By workspace and message id."""
    last_seen: dict[Key, Order | None] = field(default_factory=dict)
    """Of a person: no later event of it is stored."""
    absorbed: dict[Key, str] = field(default_factory=dict)
    """Accounts that another one stands for, by their subjects' rows."""


@dataclass(slots=True)
class Needs:
    """What has to be read before names can be resolved."""

    rows: set[Key] = field(default_factory=set)
    statements: set[Key] = field(default_factory=set)
    pairs: set[Pair] = field(default_factory=set)
    people: set[Key] = field(default_factory=set)
    histories: set[Key] = field(default_factory=set)
    last_seen: set[Key] = field(default_factory=set)

    def __bool__(self) -> bool:
        """Whether anything is missing."""
        return bool(
            self.rows
            or self.statements
            or self.pairs
            or self.people
            or self.histories
            or self.last_seen
        )


class Move(msgspec.Struct, frozen=True, gc=False):
    """A stored event with its new owner."""

    message: Key
    person_id: str | None
    subject_id: str
    old_person_id: str | None
    old_subject_id: str


@dataclass(slots=True)
class Resolution:
    """Whose each event of a batch is, and what changes by the batch."""

    owners: list[tuple[str | None, str]] = field(default_factory=list)
    """Person and subject of each event, in their order."""
    links: Mapping[Key, NameRow | None] = field(default_factory=dict)
    """Rows of names as they are afterwards; also of names whose row is removed."""
    accounts: Mapping[Key, str] = field(default_factory=dict)
    """Accounts that another one stands for, as far as they were read."""
    changes: dict[Key, tuple[NameRow | None, NameRow]] = field(default_factory=dict)
    """Rows to write: as they were (None: new) and as they become."""
    removed: dict[Key, NameRow] = field(default_factory=dict)
    """Rows to remove: names in a spelling that is no longer stored."""
    statements: list[Statement] = field(default_factory=list)
    """Statements to write, new or earlier than the stored ones."""
    moves: list[Move] = field(default_factory=list)
    changed_persons: set[Key] = field(default_factory=set)
    """Persons whose later events may belong elsewhere from now on."""
    ends: set[Key] = field(default_factory=set)
    """Names and accounts whose own subject begins or ends to be one."""
    erased_names: AbstractSet[Key] = frozenset()
    """All names of the persons to erase."""
    erased_linked: AbstractSet[Key] = frozenset()
    """Those that led to a stronger name of the same person."""
    erased: list[tuple[Key, str, str | None]] = field(default_factory=list)
    """Stored events of these persons: message, subject, and the person that it was stored for."""
