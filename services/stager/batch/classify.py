"""Sorts the records of a batch by what becomes of each, and counts the verdicts of each partition."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from services.stager.identity.names import Key, event_names
from services.stager.records.decode import Poison, Reason
from services.stager.records.records import (
    BatchEvent,
    BatchResult,
    DecodedRecord,
    is_about_accounts,
    stored_text,
    without_person,
)
from services.stager.store.rows import PartitionProgress, Row
from services.stager.subjects.cache import RowCache
from shared.contracts.envelope import Envelope


@dataclass(slots=True)
class PendingDeadLetter:
    """A record that becomes a dead letter with this batch."""

    partition: int
    key: Key | None
    """Workspace and message id of an unmapped event, which counts once; None for other poison."""
    row: Row
    value: bytes | None
    """The record."""


@dataclass(slots=True)
class Duplicate:
    """An event whose message id was received before."""

    partition: int
    envelope: Envelope
    text: str
    """What table `touchpoint` would keep."""


class ClassifiedRecords:
    """The records of one batch: events, requests to erase or to retract, and dead letters."""

    def __init__(
        self,
        records: Sequence[DecodedRecord],
        expected: Mapping[int, int],
        excluded: AbstractSet[Key],
    ) -> None:
        """`expected`: stored offset of each partition. `excluded`: keys of events to count as duplicates."""
        self.size = len(records)
        self.progress: dict[int, PartitionProgress] = {}
        self.events: list[BatchEvent] = []
        self.erase_requests: list[BatchEvent] = []
        self.retract_requests: list[Envelope] = []
        self.dead_letters: list[PendingDeadLetter] = []
        self.duplicates: list[Duplicate] = []
        self.with_other_content = 0
        """How many of the duplicates are other events; set by the step that compares them."""
        self.has_merges = False
        self._unmapped: set[Key] = set()
        self._requests: set[Key] = set()
        seen = set(excluded)
        for each in records:
            record, content = each.record, each.content
            progress = self.progress.get(record.partition)
            if progress is None:
                first = expected.get(record.partition, record.offset)
                progress = PartitionProgress(record.partition, first, record.offset + 1)
                self.progress[record.partition] = progress
            progress.next_offset = record.offset + 1
            if isinstance(content, Poison):
                self._add_dead_letter(each, content, progress)
                continue
            key = (content.workspace_id, content.message_id)
            if content.type == "erase":
                self._add_erase_request(each, content, key, progress)
                continue
            if content.type == "retract":
                # One that is repeated retracts the same once more, which changes nothing.
                progress.retracted += 1
                self.retract_requests.append(content)
                continue
            if is_about_accounts(content):
                content = without_person(content)
            text = stored_text(record, content)
            names = event_names(content)
            if names.is_statement:
                # It may concern any name.
                self.has_merges = True
            if key in seen:
                progress.duplicate += 1
                self.duplicates.append(Duplicate(record.partition, content, text))
                continue
            seen.add(key)
            progress.applied += 1
            self.events.append(BatchEvent(record.partition, content, text, names))

    def _add_dead_letter(
        self, decoded: DecodedRecord, poison: Poison, progress: PartitionProgress
    ) -> None:
        record = decoded.record
        key: Key | None = None
        if poison.reason is Reason.UNMAPPED and poison.message_id is not None:
            key = (poison.workspace_id, poison.message_id)
            if key in self._unmapped:
                progress.duplicate += 1
                return
            self._unmapped.add(key)
        progress.dead += 1
        row = (
            poison.workspace_id, record.partition, record.offset, record.key, record.value,
            poison.reason.value, poison.detail, poison.message_id,
        )  # fmt: skip
        self.dead_letters.append(PendingDeadLetter(record.partition, key, row, record.value))

    def _add_erase_request(
        self, decoded: DecodedRecord, content: Envelope, key: Key, progress: PartitionProgress
    ) -> None:
        if key in self._requests:
            progress.duplicate += 1
            return
        self._requests.add(key)
        progress.erased += 1
        names = event_names(content)
        self.erase_requests.append(BatchEvent(decoded.record.partition, content, "", names))

    def names(self, cache: RowCache) -> set[Key]:
        """Names and subjects of the events, as far as they are cached: what the batch has to lock."""
        rows = cache.names
        keys: set[Key] = set()
        for event in self.events:
            names = event.names
            person = names.person
            if names.account is not None:
                keys.add((names.workspace_id, names.account))
            elif person is not None:
                cached = rows.get(person)
                if cached is not None:
                    keys.add((names.workspace_id, cached[0].subject_id))
            keys.update(names.people)
            if names.device is not None:
                keys.add(names.device)
            keys.update(names.others)
        return keys

    def unmapped(self) -> list[Key]:
        """Keys of the unmapped events."""
        return sorted(pending.key for pending in self.dead_letters if pending.key is not None)

    def drop_dead_letters(self, repeated: AbstractSet[Key]) -> None:
        """Count these unmapped events as duplicates."""
        for pending in self.dead_letters:
            if pending.key in repeated:
                self.progress[pending.partition].dead -= 1
                self.progress[pending.partition].duplicate += 1
        self.dead_letters = [each for each in self.dead_letters if each.key not in repeated]

    def drop_erase_requests(self, completed: AbstractSet[Key]) -> None:
        """Count these requests as duplicates."""
        for request in self.erase_requests:
            if request.key in completed:
                self.progress[request.partition].erased -= 1
                self.progress[request.partition].duplicate += 1
        self.erase_requests = [each for each in self.erase_requests if each.key not in completed]

    def drop_duplicates(self, new: AbstractSet[Key]) -> list[BatchEvent]:
        """Keep the events whose key is in `new`; returns the others, counted as duplicates."""
        duplicates = [event for event in self.events if event.key not in new]
        for event in duplicates:
            progress = self.progress[event.partition]
            progress.applied -= 1
            progress.duplicate += 1
            self.duplicates.append(Duplicate(event.partition, event.envelope, event.text))
        self.events = [event for event in self.events if event.key in new]
        return duplicates

    def drop_repeats(self, repeated: AbstractSet[Key]) -> None:
        """Count the events with these keys as duplicates, whose content is not compared any more."""
        for event in self.events:
            if event.key in repeated:
                self.progress[event.partition].applied -= 1
                self.progress[event.partition].duplicate += 1
        self.events = [event for event in self.events if event.key not in repeated]

    def drop_retracted(self, is_retracted: Callable[[Envelope], bool]) -> None:
        """Count these events as retracted; another event with the id of one counts in its place."""
        kept: list[BatchEvent] = []
        freed: set[Key] = set()
        for event in self.events:
            if is_retracted(event.envelope):
                self.progress[event.partition].applied -= 1
                self.progress[event.partition].retracted += 1
                freed.add(event.key)
            else:
                kept.append(event)
        if not freed:
            return
        duplicates: list[Duplicate] = []
        for each in self.duplicates:
            key = (each.envelope.workspace_id, each.envelope.message_id)
            progress = self.progress[each.partition]
            if key not in freed:
                duplicates.append(each)
            elif is_retracted(each.envelope):
                progress.duplicate -= 1
                progress.retracted += 1
            else:
                progress.duplicate -= 1
                progress.applied += 1
                freed.remove(key)
                names = event_names(each.envelope)
                kept.append(BatchEvent(each.partition, each.envelope, each.text, names))
        self.events, self.duplicates = kept, duplicates

    def drop_erased(self, erased_names: AbstractSet[Key]) -> list[BatchEvent]:
        """Keep the events whose person is not among the names; returns the others, counted as erased."""
        dropped: list[BatchEvent] = []
        kept: list[BatchEvent] = []
        for event in self.events:
            is_erased = (
                event.person is not None
                and (event.envelope.workspace_id, event.person) in erased_names
            )
            (dropped if is_erased else kept).append(event)
        for event in dropped:
            progress = self.progress[event.partition]
            progress.applied -= 1
            progress.erased += 1
        self.events = kept
        return dropped

    def sum_up(self, result: BatchResult) -> None:
        """Write the verdicts of all partitions into the result."""
        every = self.progress.values()
        result.applied = sum(each.applied for each in every)
        result.duplicate = sum(each.duplicate for each in every)
        result.with_other_content = self.with_other_content
        result.dead = sum(each.dead for each in every)
        result.erased = sum(each.erased for each in every)
        result.retracted = sum(each.retracted for each in every)
        result.next_offsets = {each.partition: each.next_offset for each in every}
        result.received_at = [event.envelope.received_at for event in self.events]
