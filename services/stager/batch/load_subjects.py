"""Subjects as a batch sees them: each as of the first look, from memory where it is remembered."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from services.stager.batch import resolve_names
from services.stager.batch.resolve_names import Known
from services.stager.errors import Conflict
from services.stager.identity.names import Key
from services.stager.identity.resolution import Plan
from services.stager.records.records import Event
from services.stager.store import read
from services.stager.store.session import Connection
from services.stager.subjects.cache import Memory
from services.stager.subjects.subject import NEW_SUBJECT, Subject
from shared.contracts.names import is_person

Groups = Mapping[Key, list[Event]]
"""Events by the subject that they are about."""


class Loading:
    """The subjects of one batch, with the tick at which each was read; 0: it has no row."""

    def __init__(self, memory: Memory) -> None:
        self.subjects: dict[Key, Subject] = {}
        self.at: dict[Key, int] = {}
        self._memory = memory

    async def load(self, connection: Connection, keys: AbstractSet[Key]) -> dict[Key, Subject]:
        """Make sure of these; answers all that were looked at so far."""
        found = self.subjects
        unread: list[Key] = []
        for key in keys:
            if key in found:
                continue
            remembered = self._memory.subjects.get(key)
            if remembered is None:
                unread.append(key)
            else:
                found[key], self.at[key] = remembered
        if unread:
            rows = await read.subjects(connection, unread)
            tick = self._memory.tick()
            for key in unread:
                subject = rows.get(key)
                if subject is None:
                    # Whoever moves a name leaves a row at both ends: no row, no move.
                    found[key], self.at[key] = NEW_SUBJECT, 0
                else:
                    found[key], self.at[key] = subject, tick
                    self._memory.subjects.put(key, (subject, tick))
        return found

    async def look_again(
        self, connection: Connection, plan: Plan, known: Known, groups: Groups, persons: Groups
    ) -> None:
        """See `Memory`: names that were read before the subjects that they lead to. Raises Conflict."""
        read_at = known.read_at
        suspects: set[Key] = set()
        for key, events in (*groups.items(), *persons.items()):
            loaded_at = self.at[key]
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
            await resolve_names.look_again(connection, self._memory, suspects, known)
        await self._look_again_at_accounts(connection, plan, known, groups)

    async def _look_again_at_accounts(
        self, connection: Connection, plan: Plan, known: Known, groups: Groups
    ) -> None:
        """The same for accounts that were taken over: their subject tells by which."""
        suspects: dict[Key, Subject] = {}
        for key, events in groups.items():
            merged_into = self.subjects[key].merged_into
            if merged_into is not None and not is_person(key[1]) and key not in plan.changes:
                raise Conflict("an account was taken over meanwhile")
            if known.accounts:
                suspects.update(self._named_otherwise(key, events))
        suspects = {key: each for key, each in suspects.items() if key not in plan.changes}
        if suspects:
            rows = await read.subjects(connection, suspects)
            if any(rows.get(key) != subject for key, subject in suspects.items()):
                raise Conflict("an account was taken over by another one meanwhile")

    def _named_otherwise(self, key: Key, events: Sequence[Event]) -> dict[Key, Subject]:
        """Accounts by whose names events came to `key`, where they were read before it."""
        found: dict[Key, Subject] = {}
        for event in events:
            account = event.named.account
            if account is None or account == key[1]:
                continue
            named = (key[0], account)
            if self.at.get(named, 0) < self.at[key]:
                found[named] = self.subjects[named]
        return found
