"""Sorts the records of a batch by what is to become of each, and keeps each partition's account."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from services.stager.identity.names import Key, named, person_names
from services.stager.records.decode import Poison, Reason
from services.stager.records.records import Event, Stored, Taken, of_accounts, text_of
from services.stager.store.rows import Advance, Row
from services.stager.subjects.cache import Memory
from shared.contracts.envelope import Envelope
from shared.contracts.names import ANONYMOUS


@dataclass(slots=True)
class Step:
    """What a batch does to one partition: one verdict a record."""

    expected: int
    following: int
    applied: int = 0
    duplicate: int = 0
    dead: int = 0
    erased: int = 0
    forgotten: int = 0


@dataclass(slots=True)
class Letter:
    """A record that becomes a dead letter."""

    partition: int
    key: Key | None
    """Workspace and message id of one that counts once; None for poison."""
    row: Row


class Sorted:
    """One batch, sorted."""

    def __init__(
        self, taken: Sequence[Taken], expected: Mapping[int, int], excluded: AbstractSet[Key]
    ) -> None:
        """`expected`: where each partition stands. `excluded`: duplicates, not to be looked at."""
        self.steps: dict[int, Step] = {}
        self.events: list[Event] = []
        self.requests: list[Event] = []
        """To forget somebody."""
        self.letters: list[Letter] = []
        self.has_merges = False
        self._seen: dict[str, set[Key]] = {"unmapped": set(), "erase": set()}
        seen = set(excluded)
        for each in taken:
            record, content = each.record, each.content
            step = self.steps.get(record.partition)
            if step is None:
                first = expected.get(record.partition, record.offset)
                step = self.steps[record.partition] = Step(first, record.offset + 1)
            step.following = record.offset + 1
            if isinstance(content, Poison):
                self._set_aside(each, content, step)
                continue
            key = (content.workspace_id, content.message_id)
            if content.type == "erase":
                self._request(each, content, key, step)
                continue
            if key in seen:
                step.duplicate += 1
                continue
            seen.add(key)
            step.applied += 1
            if content.type == "merge":
                content = of_accounts(content)
                self.has_merges = True
            text = text_of(record, content)
            self.events.append(Event(record.partition, content, text, named(content)))

    def _set_aside(self, taken: Taken, poison: Poison, step: Step) -> None:
        record = taken.record
        key: Key | None = None
        if poison.reason is Reason.UNMAPPED and poison.message_id is not None:
            key = (poison.workspace_id, poison.message_id)
            if self._is_repeated("unmapped", key):
                step.duplicate += 1
                return
        step.dead += 1
        row = (
            poison.workspace_id, record.partition, record.offset, record.key, record.value,
            poison.reason.value, poison.detail, poison.message_id,
        )  # fmt: skip
        self.letters.append(Letter(record.partition, key, row))

    def _request(self, taken: Taken, content: Envelope, key: Key, step: Step) -> None:
        if self._is_repeated("erase", key):
            step.duplicate += 1
            return
        step.erased += 1
        self.requests.append(Event(taken.record.partition, content, "", named(content)))

    def _is_repeated(self, kind: str, key: Key) -> bool:
        is_known = key in self._seen[kind]
        self._seen[kind].add(key)
        return is_known

    def unmapped(self) -> list[Key]:
        """Those that count once."""
        return sorted(letter.key for letter in self.letters if letter.key is not None)

    def drop_letters(self, known: AbstractSet[Key]) -> None:
        """These were set aside before."""
        for letter in self.letters:
            if letter.key in known:
                self.steps[letter.partition].dead -= 1
                self.steps[letter.partition].duplicate += 1
        self.letters = [letter for letter in self.letters if letter.key not in known]

    def drop_requests(self, known: AbstractSet[Key]) -> None:
        """These were done before."""
        for request in self.requests:
            if request.key in known:
                self.steps[request.partition].erased -= 1
                self.steps[request.partition].duplicate += 1
        self.requests = [request for request in self.requests if request.key not in known]

    def drop_duplicates(self, new: AbstractSet[Key]) -> list[Event]:
        """Keep the events that are new; answers the others."""
        duplicates = [event for event in self.events if event.key not in new]
        for event in duplicates:
            step = self.steps[event.partition]
            step.applied -= 1
            step.duplicate += 1
        self.events = [event for event in self.events if event.key in new]
        return duplicates

    def drop_forgotten(self, forgotten: AbstractSet[Key]) -> list[Event]:
        """Keep the events whose person is not among the names given; answers the others."""
        dropped: list[Event] = []
        kept: list[Event] = []
        for event in self.events:
            is_gone = (
                event.person is not None
                and (event.envelope.workspace_id, event.person) in forgotten
            )
            (dropped if is_gone else kept).append(event)
        for event in dropped:
            step = self.steps[event.partition]
            step.applied -= 1
            step.erased += 1
        self.events = kept
        return dropped

    def advances(self) -> list[Advance]:
        """How far each partition has got."""
        return [
            Advance(
                partition, step.expected, step.following, step.applied, step.duplicate, step.dead,
                step.erased, step.forgotten,
            )
            for partition, step in sorted(self.steps.items())
        ]  # fmt: skip

    def sum_up(self, stored: Stored) -> None:
        """Tell the verdicts."""
        steps = self.steps.values()
        stored.applied = sum(step.applied for step in steps)
        stored.duplicate = sum(step.duplicate for step in steps)
        stored.dead = sum(step.dead for step in steps)
        stored.erased = sum(step.erased for step in steps)
        stored.next_offsets = {partition: step.following for partition, step in self.steps.items()}
        stored.received_at = [event.envelope.received_at for event in self.events]


def names_of(events: Sequence[Event], memory: Memory) -> set[Key]:
    """Everybody whom events are about, as far as is remembered."""
    links = memory.links
    names: set[Key] = set()
    for event in events:
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


def asked_to_forget(request: Envelope) -> list[Key]:
    """The names in a request."""
    names = person_names(request)
    if request.previous_id:
        names.append(ANONYMOUS + request.previous_id)
    return [(request.workspace_id, name) for name in names]
