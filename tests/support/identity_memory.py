"""Identity resolution on dicts instead of tables: the pure core with nothing else around it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from services.stager.identity.names import EventNames, Key, Order
from services.stager.identity.resolution import resolve
from services.stager.identity.state import NameRow, Needs, Resolution, State, StoredEvent
from services.stager.identity.statements import Statements
from shared.contracts.identity_limits import DEFAULT_LIMITS, IdentityLimits
from shared.contracts.names import is_person

MOST_ROUNDS = 50
"""Readings until a resolution must have all that it needs."""


@dataclass
class IdentityMemory:
    """The tables of identity, and what one batch after another makes of them."""

    rows: dict[Key, NameRow] = field(default_factory=dict)
    statements: Statements = field(default_factory=Statements)
    events: dict[Key, StoredEvent] = field(default_factory=dict)
    limits: IdentityLimits = DEFAULT_LIMITS
    rounds: int = 0
    """Readings of all batches."""

    def apply(self, events: Iterable[EventNames]) -> Resolution:
        """Resolve one batch and store it; an event that is stored already counts for nothing."""
        batch = list(
            {
                (each.workspace_id, each.order[-1]): each
                for each in events
                if (each.workspace_id, each.order[-1]) not in self.events
            }.values()
        )
        state = State(
            self.limits,
            absorbed={
                name: row.person_id
                for name, row in self.rows.items()
                if not is_person(name[1]) and row.person_id != name[1]
            },
        )
        for _ in range(MOST_ROUNDS):
            self.rounds += 1
            outcome = resolve(batch, state)
            if isinstance(outcome, Resolution):
                self._store(batch, outcome)
                return outcome
            self._read(state, outcome)
        message = f"not resolved: {outcome}"
        raise AssertionError(message)

    def owners(self) -> dict[str, tuple[str | None, str]]:
        """Person and subject of every event by message id."""
        return {key[1]: (each.person_id, each.subject_id) for key, each in self.events.items()}

    def _read(self, state: State, needs: Needs) -> None:
        state.rows.update((name, self.rows.get(name)) for name in needs.rows)
        orders = {each.pair: each.order for each in self.statements}
        state.pairs.update((pair, orders.get(pair)) for pair in needs.pairs)
        for each in self.statements:
            if each.name in needs.statements or each.other in needs.statements:
                state.statements.add(each)
        state.statements_read |= needs.statements
        for person in needs.people:
            names = {name for name, row in self.rows.items() if _is_of(name, row, person)}
            state.names_of[person] = names
            state.rows.update((name, self.rows[name]) for name in names)
        state.people_read |= needs.people
        for message, event in self.events.items():
            owners = {(message[0], event.person_id), (message[0], event.subject_id)}
            if owners & needs.histories:
                state.events[message] = event
        state.histories_read |= needs.histories
        state.last_seen.update((person, self._last(person)) for person in needs.last_seen)

    def _last(self, person: Key) -> Order | None:
        return max(
            (
                each.names.order
                for message, each in self.events.items()
                if message[0] == person[0] and each.person_id == person[1]
            ),
            default=None,
        )

    def _store(self, batch: Sequence[EventNames], resolution: Resolution) -> None:
        for name, (old, new) in resolution.changes.items():
            assert self.rows.get(name) == old
            self.rows[name] = new
        for name in resolution.removed:
            del self.rows[name]
        for statement in resolution.statements:
            self.statements.add(statement)
        for move in resolution.moves:
            each = self.events[move.message]
            self.events[move.message] = StoredEvent(each.names, move.person_id, move.subject_id)
        for names, (person, subject) in zip(batch, resolution.owners, strict=True):
            key = (names.workspace_id, names.order[-1])
            self.events[key] = StoredEvent(names, person, subject)


def _is_of(name: Key, row: NameRow, person: Key) -> bool:
    return (name[0], row.person_id) == person
