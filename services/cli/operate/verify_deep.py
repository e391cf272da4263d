"""Compares every stored state with the fold of its touchpoints, and stored names with erased ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cli.queries import verification
from services.stager.subjects.subject import StoredState, decode_states
from shared.contracts.names import is_person
from shared.history import decode_stored, touchpoint
from shared.journey.compile import CompiledJourney
from shared.journey.fold import advance, refold
from shared.journey.model import SubjectKind, Touchpoint, Transition
from shared.journey.state import FORMAT
from shared.sources.hashing import person_digest
from shared.storage import journeys

_PAGE = 500
_NAMES_PAGE = 10_000
_MOST_DIFFERENCES = 100


@dataclass(slots=True)
class Checked:
    """Result of the comparison."""

    subjects: int = 0
    waiting: int = 0
    """Journeys of subjects that were folded by an older map or engine: their refold is still to come."""
    differences: list[str] = field(default_factory=list)
    returned: int = 0
    """Names of erased people that are stored again."""


async def compare(connection: AsyncConnection, now: datetime) -> Checked:
    """Fold every history again. Cost: reads every touchpoint up to twice, a subject at a time."""
    maps: dict[tuple[int, str], CompiledJourney] = {}
    for stored in await journeys.newer_than(connection, 0):
        if stored.is_retired:
            maps.pop((stored.workspace_id, stored.journey), None)
        else:
            maps[stored.workspace_id, stored.journey] = stored.compiled()
    checked = Checked()
    after = (0, "")
    while page := await verification.subjects_after(connection, after, _PAGE):
        for row in page:
            await _compare_subject(connection, row, maps, now, checked)
        after = (page[-1].workspace_id, page[-1].subject_id)
    checked.returned = await _returned(connection)
    return checked


async def _returned(connection: AsyncConnection) -> int:
    returned = 0
    for workspace_id, key in await verification.workspaces_with_erased(connection):
        digests = await verification.erased_digests(connection, workspace_id)
        after = ""
        while names := await verification.names_after(connection, workspace_id, after, _NAMES_PAGE):
            returned += sum(
                person_digest(name, key=key) in digests for name in names if is_person(name)
            )
            after = names[-1]
    return returned


async def _compare_subject(
    connection: AsyncConnection,
    row: Row[*tuple[Any, ...]],
    maps: Mapping[tuple[int, str], CompiledJourney],
    now: datetime,
    checked: Checked,
) -> None:
    checked.subjects += 1
    histories: dict[SubjectKind, list[Touchpoint]] = {}
    for name, stored_state in decode_states(row.states).items():
        compiled = maps.get((row.workspace_id, name))
        if (
            compiled is None
            or stored_state.v != compiled.journey.version
            or stored_state.f != FORMAT
        ):
            checked.waiting += 1
            continue
        kind = compiled.journey.subject
        if kind not in histories:
            histories[kind] = await _history(connection, row, kind)
        transitions = await verification.current_transitions(
            connection, row.workspace_id, row.subject_id, name
        )
        if not _is_same(compiled, stored_state, transitions, histories[kind], now):
            _note(checked, f"{row.subject_id} on {name}")


async def _history(
    connection: AsyncConnection, row: Row[*tuple[Any, ...]], kind: SubjectKind
) -> list[Touchpoint]:
    read = (
        verification.history_of_person
        if kind is SubjectKind.PERSON
        else verification.history_of_subject
    )
    rows = await read(connection, row.workspace_id, row.subject_id)
    return [touchpoint(decode_stored(text), person) for text, person in rows]


def _is_same(
    compiled: CompiledJourney,
    stored_state: StoredState,
    transitions: Sequence[Row[*tuple[Any, ...]]],
    history: Sequence[Touchpoint],
    now: datetime,
) -> bool:
    # Both up to the same instant: a timer that is due but not applied yet is no difference.
    state, effects = refold(compiled, history, now)
    stored, since = advance(compiled, stored_state.s, now)
    made = [_facts(effect) for effect in effects if isinstance(effect, Transition)]
    kept = [tuple(row) for row in transitions]
    kept += [_facts(effect) for effect in since if isinstance(effect, Transition)]
    return stored == state and kept == made


def _facts(t: Transition) -> tuple[Any, ...]:
    return (
        t.sequence, t.kind.value, t.from_stage, t.to_stage, t.outcome, t.cycle, t.occurred_at,
        t.dwell_seconds, t.cause.message_id, t.cause.event, t.cause.timer, t.rule,
    )  # fmt: skip


def _note(checked: Checked, difference: str) -> None:
    if len(checked.differences) < _MOST_DIFFERENCES:
        checked.differences.append(difference)
