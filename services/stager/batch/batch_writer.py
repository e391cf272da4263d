"""One batch, one transaction: everything that follows from its records and their offsets, or nothing.

This is the part around the transaction: what is tried again, what is halved to find the record that
cannot be stored, and what two lanes of this process must not do at once.
"""

from collections.abc import Mapping, Sequence

import structlog

from services.stager.batch.name_locks import Claims
from services.stager.batch.pipeline import Attempt, DuplicateLinked, NeedsToBeAlone
from services.stager.batch.tombstones import Erased
from services.stager.errors import Conflict, FoldFailed, RecordFault, origin
from services.stager.fold.journeys import Maps
from services.stager.identity.names import Key
from services.stager.records.decode import MAX_WORKSPACE_ID, Poison, Reason
from services.stager.records.records import Stored, Taken
from services.stager.store.session import Pool, transaction
from services.stager.subjects.cache import Memory
from shared.clock import Clock
from shared.errors import DatabaseUnavailable, FatalError

log = structlog.get_logger(__name__)

_ATTEMPTS = 20
"""Conflicts in a row before the batch is put off like any passing fault; each lost one is a commit
of somebody else, so this many means that something is wrong."""


class Writer:
    """Stores batches; shares maps, memory and the write lock with timers and jobs."""

    def __init__(
        self, *, pool: Pool, clock: Clock, memory: Memory, owner: str, most_condemned: int = 100
    ) -> None:
        """`owner` names this process in `consumer_offset`.

        `most_condemned`: records of one batch that may turn out not to be applicable; beyond it not
        they are at fault but we.
        """
        self.pool = pool
        self.clock = clock
        self.memory = memory
        self.maps = Maps()
        self.erased = Erased()
        self.claims = Claims()
        """Held during each writing transaction: the parts of this process do not conflict."""
        self._owner = owner
        self._most_condemned = most_condemned

    async def store(self, taken: Sequence[Taken], expected: Mapping[int, int]) -> list[Stored]:
        """Store a batch whose partitions stand at `expected`; one item a transaction, mostly one.

        A record that cannot be stored is found by halving and becomes a dead letter. Raises
        TransientError (nothing is stored, or it is unknown whether: call again, and the expected
        offsets tell), Fenced, FatalError. Safe to call at once for different partitions.
        """
        try:
            return [await self._store_whole(taken, expected)]
        except RecordFault as fault:
            if len(taken) == 1:
                stored = await self._store_whole([_condemned(taken[0], fault)], expected)
                stored.is_condemned = True
                return [stored]
            log.warning("batch_halved", records=len(taken), reason=type(fault).__name__)
        middle = len(taken) // 2
        done = await self.store(taken[:middle], expected)
        if sum(each.is_condemned for each in done) > self._most_condemned:
            raise FatalError(
                f"more than {self._most_condemned} records of a batch cannot be applied:"
                " a release is broken; nothing more is taken from the log"
            )
        moved = {p: o for each in done for p, o in each.next_offsets.items()}
        return done + await self.store(taken[middle:], {**expected, **moved})

    async def _store_whole(self, taken: Sequence[Taken], expected: Mapping[int, int]) -> Stored:
        excluded: set[Key] = set()
        is_alone = False
        for _ in range(_ATTEMPTS):
            attempt = Attempt(
                taken,
                expected,
                excluded,
                memory=self.memory,
                maps=self.maps,
                erased=self.erased,
                now=self.clock.now(),
                is_alone=is_alone,
            )
            async with self.claims.hold(attempt.names()):
                try:
                    async with transaction(self.pool) as connection:
                        stored = await attempt.run(connection, self._owner)
                except DuplicateLinked as linked:
                    excluded |= linked.keys
                    continue
                except NeedsToBeAlone:
                    is_alone = True
                    attempt.forget()
                    continue
                except Conflict as conflict:
                    log.info("batch_conflict", records=len(taken), reason=str(conflict))
                    attempt.forget()
                    continue
                except BaseException:
                    attempt.forget()
                    raise
                attempt.remember()
            return stored
        raise DatabaseUnavailable(f"{_ATTEMPTS} conflicts in a row")


def _condemned(taken: Taken, fault: RecordFault) -> Taken:
    reason = Reason.FOLD_FAILED if isinstance(fault, FoldFailed) else Reason.REFUSED_BY_DATABASE
    log.error(
        "record_condemned",
        partition=taken.record.partition,
        offset=taken.record.offset,
        reason=reason,
        error=str(fault),
        where=origin(fault),
    )
    content = taken.content
    workspace_id = content.workspace_id if 0 <= content.workspace_id <= MAX_WORKSPACE_ID else 0
    poison = Poison(
        reason=reason,
        detail=str(fault),
        workspace_id=workspace_id,
        message_id=content.message_id,
    )
    return Taken(taken.record, poison)
