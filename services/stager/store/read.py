"""What the stager reads before it decides. Results are dicts by key; a missing key has no row."""

from collections.abc import Iterable

import asyncpg

from services.stager.identity.names import Key
from services.stager.store.rows import CurrentTransition, JourneyKey, StoredAlert, StoredTouchpoint
from services.stager.store.session import Connection
from services.stager.subjects.subject import Member, Subject, decode_object, decode_states

_SUBJECTS = """
    SELECT s.workspace_id, s.subject_id, s.version, s.touchpoints, s.last_occurred_at,
           s.last_tie, s.last_message_id, s.states, s.account_traits, s.value, s.merged_into
    FROM unnest($1::int[], $2::text[]) AS k (workspace_id, name)
    JOIN subject s ON s.workspace_id = k.workspace_id AND s.subject_id = k.name
"""

_MEMBERS = """
    SELECT m.workspace_id, m.subject_id, m.person_id, m.role, m.traits, m.first_seen_at
    FROM unnest($1::int[], $2::text[], $3::text[]) AS k (workspace_id, subject_id, person_id)
    JOIN member m ON m.workspace_id = k.workspace_id AND m.subject_id = k.subject_id
                 AND m.person_id = k.person_id
"""

# All members of the given subjects.
_MEMBERS_OF = """
    SELECT m.workspace_id, m.subject_id, m.person_id, m.role, m.traits, m.first_seen_at
    FROM unnest($1::int[], $2::text[]) AS k (workspace_id, name)
    JOIN member m ON m.workspace_id = k.workspace_id AND m.subject_id = k.name
"""

# Subjects in which the given persons are members.
_SEEN_IN = """
    SELECT m.workspace_id, m.person_id, m.subject_id
    FROM unnest($1::int[], $2::text[]) AS k (workspace_id, name)
    JOIN member m ON m.workspace_id = k.workspace_id AND m.person_id = k.name
"""

# The history of the given subjects; the caller sorts.
_HISTORY = """
    SELECT t.workspace_id, t.message_id, t.subject_id, t.person_id, t.envelope
    FROM unnest($1::int[], $2::text[]) AS k (workspace_id, name)
    JOIN touchpoint t ON t.workspace_id = k.workspace_id AND t.subject_id = k.name
"""

# Current transitions of the given subjects, in sequence.
_TRANSITIONS = """
    SELECT t.workspace_id, t.subject_id, t.journey, t.transition_id, t.sequence, t.kind, t.from_stage,
           t.to_stage, t.outcome, t.cycle, t.occurred_at, t.dwell_seconds, t.cause_message_id,
           t.cause_event, t.cause_timer, t.rule
    FROM unnest($1::int[], $2::text[]) AS k (workspace_id, name)
    JOIN transition t ON t.workspace_id = k.workspace_id AND t.subject_id = k.name
    WHERE t.superseded_at IS NULL
    ORDER BY t.sequence
"""

# Stall alerts of the given subjects, one a visit.
_ALERTS = """
    SELECT a.workspace_id, a.subject_id, a.journey, a.alert_id, a.state, a.resolution, a.resolved_at,
           a.stage, a.cycle, a.visit_entered_at
    FROM unnest($1::int[], $2::text[]) AS k (workspace_id, name)
    JOIN alert a ON a.workspace_id = k.workspace_id AND a.subject_id = k.name
    WHERE a.kind = 'stall'
"""


def _split(keys: Iterable[Key]) -> tuple[list[int], list[str]]:
    ordered = sorted(keys)
    return [key[0] for key in ordered], [key[1] for key in ordered]


async def subjects(connection: Connection, keys: Iterable[Key]) -> dict[Key, Subject]:
    """Rows of `subject`. Raises msgspec.MsgspecError on a state that this code cannot read."""
    rows = await connection.fetch(_SUBJECTS, *_split(keys))
    by_key: dict[Key, Subject] = {}
    for row in rows:
        at = row["last_occurred_at"]
        by_key[row["workspace_id"], row["subject_id"]] = Subject(
            version=row["version"],
            touchpoints=row["touchpoints"],
            last=None if at is None else (at, row["last_tie"], row["last_message_id"]),
            states=decode_states(row["states"]),
            account_traits=decode_object(row["account_traits"]),
            value=row["value"],
            merged_into=row["merged_into"],
        )
    return by_key


def _member(row: asyncpg.Record) -> tuple[tuple[int, str, str], Member]:
    return (row["workspace_id"], row["subject_id"], row["person_id"]), Member(
        row["role"], decode_object(row["traits"]), row["first_seen_at"]
    )


async def members(
    connection: Connection, keys: Iterable[tuple[int, str, str]]
) -> dict[tuple[int, str, str], Member]:
    """Rows of `member` by their key."""
    ordered = sorted(keys)
    columns = [[key[place] for key in ordered] for place in range(3)]
    return dict(_member(row) for row in await connection.fetch(_MEMBERS, *columns))


async def members_of(
    connection: Connection, keys: Iterable[Key]
) -> dict[tuple[int, str, str], Member]:
    """All members of the given subjects."""
    return dict(_member(row) for row in await connection.fetch(_MEMBERS_OF, *_split(keys)))


async def seen_in(connection: Connection, persons: Iterable[Key]) -> dict[Key, set[str]]:
    """Subjects in which each person is a member."""
    by_key: dict[Key, set[str]] = {}
    for row in await connection.fetch(_SEEN_IN, *_split(persons)):
        by_key.setdefault((row["workspace_id"], row["person_id"]), set()).add(row["subject_id"])
    return by_key


async def history(connection: Connection, keys: Iterable[Key]) -> dict[Key, list[StoredTouchpoint]]:
    """Every touchpoint of the given subjects, unordered, by subject."""
    by_key: dict[Key, list[StoredTouchpoint]] = {}
    for workspace, *columns in await connection.fetch(_HISTORY, *_split(keys)):
        row = StoredTouchpoint(*columns)
        by_key.setdefault((workspace, row.subject_id), []).append(row)
    return by_key


async def transitions(
    connection: Connection, keys: Iterable[Key]
) -> dict[JourneyKey, list[CurrentTransition]]:
    """Current transitions of the given subjects, by journey, in sequence."""
    by_key: dict[JourneyKey, list[CurrentTransition]] = {}
    for row in await connection.fetch(_TRANSITIONS, *_split(keys)):
        key = (row["workspace_id"], row["subject_id"], row["journey"])
        facts = tuple(row)[4:]
        by_key.setdefault(key, []).append(CurrentTransition(row["transition_id"], facts))
    return by_key


async def alerts(
    connection: Connection, keys: Iterable[Key]
) -> dict[JourneyKey, list[StoredAlert]]:
    """Stall alerts of the given subjects, by journey."""
    by_key: dict[JourneyKey, list[StoredAlert]] = {}
    for row in await connection.fetch(_ALERTS, *_split(keys)):
        key = (row["workspace_id"], row["subject_id"], row["journey"])
        by_key.setdefault(key, []).append(
            StoredAlert(
                str(row["alert_id"]),
                row["state"],
                row["resolution"],
                row["resolved_at"],
                (row["stage"], row["cycle"], row["visit_entered_at"]),
            )
        )
    return by_key
