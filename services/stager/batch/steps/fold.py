"""Step: fold the events into their subjects, newer events on top and late ones from the whole history."""

from services.stager.batch.context import BatchContext
from services.stager.errors import FoldFailed
from services.stager.fold.fold_subject import fold_newer, is_current, is_late, touch
from services.stager.fold.output_rows import RefoldReason
from services.stager.fold.refold import refold_subjects
from services.stager.fold.refold_task import FoldMode, MemberChanges, RefoldTask, fold_mode
from services.stager.identity.names import Key, Order
from services.stager.records.records import BatchEvent
from services.stager.store.session import Connection
from services.stager.subjects.subject import Subject
from shared.contracts.names import is_person
from shared.history import touchpoint
from shared.journey.model import Touchpoint


async def fold(connection: Connection, batch: BatchContext) -> None:
    """Fold every subject that has events or a changed history. Raises FoldFailed."""
    subjects, changes = batch.subjects.subjects, batch.resolution.changes
    account_modes: dict[int, FoldMode] = {}
    tasks: dict[Key, RefoldTask] = {}
    for key in batch.changed_histories:
        reason = RefoldReason.ERASE if batch.is_erasing else batch.refold_reason
        tasks[key] = RefoldTask(subjects[key], _mode(batch, key, account_modes), reason)
    for key, events in (*batch.by_subject.items(), *batch.by_person.items()):
        if key in batch.changed_histories:
            continue
        subject, mode = subjects[key], _mode(batch, key, account_modes)
        events.sort(key=_event_order)
        points = [touchpoint(event.envelope, event.person) for event in events]
        change = changes.get(key)
        has_row = change is None or change[0] is not None
        has_history = subject.touchpoints > 0 or (mode.of_person and has_row)
        if not is_current(subject, mode.journeys, has_history=has_history):
            task = RefoldTask(subject, mode, RefoldReason.MAP)
        elif is_late(subject, points[0]):
            # What a person did anywhere can change without events of that person: it is folded whole.
            added = () if mode.of_person or key in batch.by_person else points
            task = RefoldTask(subject, mode, RefoldReason.LATE, added)
        else:
            _fold_newer(batch, key, subject, mode, points)
            if key in batch.by_subject:
                batch.members.add(key, events, points)
            continue
        tasks[key] = task
    if tasks:
        members = MemberChanges()
        await refold_subjects(connection, tasks, batch.output, members, batch.newly_seen)
        batch.members.apply(members)
    if batch.touched:
        await _touch(connection, batch)


async def _touch(connection: Connection, batch: BatchContext) -> None:
    """Give subjects that nothing else changes a new version."""
    keys = batch.touched - batch.output.subjects.keys() - batch.resolution.erased_names
    subjects = await batch.subjects.load(connection, keys)
    for key in keys:
        if subjects[key].version:
            touch(key, subjects[key], batch.output)


def _fold_newer(
    batch: BatchContext, key: Key, subject: Subject, mode: FoldMode, points: list[Touchpoint]
) -> None:
    try:
        fold_newer(
            key, subject, mode.journeys, points, merged_into=mode.merged_into, output=batch.output
        )
    except Exception as exc:
        # An error of the engine is our fault and does not pass: the record that causes it becomes a
        # dead letter, and the partition goes on.
        raise FoldFailed(f"the engine failed: {type(exc).__name__}") from exc


def _mode(batch: BatchContext, key: Key, account_modes: dict[int, FoldMode]) -> FoldMode:
    """How to fold a subject. `account_modes`: the one of accounts, by workspace."""
    if is_person(key[1]):
        return fold_mode(key, batch.journeys.of(key[0]), batch.resolution.links.get(key))
    survivor = batch.resolution.accounts.get(key, key[1])
    if survivor != key[1]:
        return FoldMode((), survivor)
    mode = account_modes.get(key[0])
    if mode is None:
        mode = account_modes[key[0]] = fold_mode(key, batch.journeys.of(key[0]), None)
    return mode


def _event_order(event: BatchEvent) -> Order:
    return event.names.order
