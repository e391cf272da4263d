"""Parts of a long history: snapshots, and what was stored after one. Results are in no order unless said."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from services.stager.identity.names import Key
from services.stager.store.rows import CurrentTransition, JourneyKey, StoredTouchpoint
from services.stager.store.session import Connection
from services.stager.subjects.subject import (
    Member,
    MemberKey,
    Snapshot,
    decode_object,
    decode_states,
)

_INSTANTS = """
    SELECT s.at FROM subject_snapshot s WHERE s.workspace_id = $1 AND s.subject_id = $2 ORDER BY s.at
"""

_SNAPSHOT = """
    SELECT s.at, s.states, s.account_traits, s.value FROM subject_snapshot s
    WHERE s.workspace_id = $1 AND s.subject_id = $2 AND s.at = $3
"""

# Touchpoints of a subject after an instant, up to another one that counts; NULL: no bound.
_BETWEEN = """
    SELECT t.message_id, t.subject_id, t.person_id, t.envelope
    FROM touchpoint t
    WHERE t.workspace_id = $1 AND t.subject_id = $2
      AND t.occurred_at > coalesce($3::timestamptz, '-infinity')
      AND t.occurred_at <= coalesce($4::timestamptz, 'infinity')
"""

# Touchpoints of one person in a subject that may say more than that the person was there. The texts
# are also found elsewhere in an envelope: the caller reads what they say.
_OF_MEMBER = """
    SELECT t.message_id, t.subject_id, t.person_id, t.envelope
    FROM touchpoint t
    WHERE t.workspace_id = $1 AND t.subject_id = $2 AND t.person_id = $3
      AND (t.envelope::text LIKE '%"traits"%' OR t.envelope::text LIKE '%"role"%')
"""

# Current transitions of a subject with their journeys, after a number of each journey; in sequence.
_TRANSITIONS_AFTER = """
    SELECT t.journey, t.transition_id, t.sequence, t.kind, t.from_stage, t.to_stage, t.outcome, t.cycle,
           t.occurred_at, t.dwell_seconds, t.cause_message_id, t.cause_event, t.cause_timer, t.rule
    FROM unnest($3::text[], $4::int[]) AS k (journey, after)
    JOIN transition t ON t.workspace_id = $1 AND t.subject_id = $2 AND t.journey = k.journey
    WHERE t.superseded_at IS NULL AND t.sequence > k.after
    ORDER BY t.sequence
"""

_MEMBERS = """
    SELECT m.person_id, m.role, m.traits, m.first_seen_at FROM member m
    WHERE m.workspace_id = $1 AND m.subject_id = $2 AND m.person_id = ANY($3::text[])
"""


async def snapshot_instants(connection: Connection, key: Key) -> list[datetime]:
    """Instants of a subject's snapshots, in order."""
    return [row[0] for row in await connection.fetch(_INSTANTS, *key)]


async def snapshot(connection: Connection, key: Key, at: datetime) -> Snapshot | None:
    """The snapshot of an instant; None if there is none that this release can read."""
    row = await connection.fetchrow(_SNAPSHOT, *key, at)
    if row is None:
        return None
    try:
        return Snapshot(
            row["at"],
            decode_states(row["states"]),
            decode_object(row["account_traits"]),
            row["value"],
        )
    except msgspec.MsgspecError:
        return None


async def between(
    connection: Connection, key: Key, *, after: datetime | None, until: datetime | None
) -> list[StoredTouchpoint]:
    """Touchpoints of a subject after one instant and up to another, that one included."""
    return [StoredTouchpoint(*row) for row in await connection.fetch(_BETWEEN, *key, after, until)]


async def of_member(connection: Connection, member: MemberKey) -> list[StoredTouchpoint]:
    """Touchpoints of a person in a subject; those with neither role nor traits may be missing."""
    return [StoredTouchpoint(*row) for row in await connection.fetch(_OF_MEMBER, *member)]


async def transitions_after(
    connection: Connection, key: Key, numbers: dict[str, int]
) -> dict[JourneyKey, list[CurrentTransition]]:
    """Current transitions of a subject after a number, by journey, in sequence."""
    by_key: dict[JourneyKey, list[CurrentTransition]] = {}
    rows = await connection.fetch(_TRANSITIONS_AFTER, *key, [*numbers], [*numbers.values()])
    for journey, transition_id, *facts in rows:
        of_journey = by_key.setdefault((*key, journey), [])
        of_journey.append(CurrentTransition(transition_id, tuple(facts)))
    return by_key


async def members(connection: Connection, key: Key, persons: Sequence[str]) -> dict[str, Member]:
    """Rows of `member` of a subject, by person."""
    rows = await connection.fetch(_MEMBERS, *key, persons)
    return {row[0]: Member(row[1], decode_object(row[2]), row[3]) for row in rows}
