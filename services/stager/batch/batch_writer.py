"""Stores batches, one transaction each: everything that follows from the records and offsets, or nothing.

This is the part around the transaction: what is tried again, how a record that cannot be applied is found
by halving, and which batches of this process run at the same time.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

import structlog

from services.stager.batch import pipeline
from services.stager.batch.classify import ClassifiedRecords
from services.stager.batch.context import BatchContext, StagerContext
from services.stager.batch.steps.drop_erased import NeedsToBeAlone
from services.stager.batch.steps.insert_history import DuplicateLinked
from services.stager.errors import Conflict, FoldFailed, RecordFault, RetractionTooLarge, origin
from services.stager.identity.names import Key
from services.stager.records.decode import MAX_WORKSPACE_ID, Poison, Reason
from services.stager.records.records import BatchResult, DecodedRecord
from services.stager.store.session import transaction
from shared.errors import DatabaseUnavailable, FatalError

log = structlog.get_logger(__name__)

_ATTEMPTS_BESIDE_OTHERS = 3
"""Attempts before a batch shuts out all other batches: a long one would always lose to shorter ones that
change the same names."""

_MOST_RETRACTIONS = 100
"""Requests to retract in one transaction: each resolves and folds all that depends on its touchpoint."""

_ATTEMPTS = 20
"""Conflicts in a row before the batch waits as after any passing fault."""


class BatchWriter:
    """Stores batches; safe to call concurrently for different partitions."""

    def __init__(self, stager: StagerContext, *, owner: str, most_unapplicable: int = 100) -> None:
        """`owner` names this process in `consumer_offset`.

        `most_unapplicable`: records of one batch that may prove unapplicable, those of the source with the
        most aside; more than that is a fault of this release and not of the records.
        """
        self._stager = stager
        self._owner = owner
        self._most_unapplicable = most_unapplicable

    async def store(
        self, records: Sequence[DecodedRecord], expected: Mapping[int, int]
    ) -> list[BatchResult]:
        """Store a batch whose partitions stand at `expected`; one result a transaction, mostly one.

        A record that cannot be applied is found by halving and becomes a dead letter. Raises
        TransientError (nothing is stored, or it is unknown whether: call again, and the expected offsets
        decide), Fenced, FatalError.
        """
        runs = list(_runs(records))
        if len(runs) > 1:
            return await self._store_runs(runs, expected)
        try:
            return [await self._store_whole(records, expected)]
        except RecordFault as fault:
            if len(records) == 1:
                poison = _unapplicable(records[0], fault)
                result = await self._store_whole([poison], expected)
                result.is_unapplicable, result.source = True, records[0].source
                return [result]
            log.warning("batch_halved", records=len(records), reason=type(fault).__name__)
        middle = len(records) // 2
        results = await self.store(records[:middle], expected)
        if _unapplicable_of_others(results) > self._most_unapplicable:
            raise FatalError(
                f"more than {self._most_unapplicable} records of a batch cannot be applied:"
                " a release is broken; no further record is read from the log"
            )
        moved = {p: offset for each in results for p, offset in each.next_offsets.items()}
        return results + await self.store(records[middle:], {**expected, **moved})

    async def _store_runs(
        self, runs: Sequence[Sequence[DecodedRecord]], expected: Mapping[int, int]
    ) -> list[BatchResult]:
        results: list[BatchResult] = []
        moved = dict(expected)
        for run in runs:
            for each in await self.store(run, moved):
                results.append(each)
                moved.update(each.next_offsets)
        return results

    async def _store_whole(
        self, records: Sequence[DecodedRecord], expected: Mapping[int, int]
    ) -> BatchResult:
        stager = self._stager
        excluded: set[Key] = set()
        is_alone = False
        for attempt in range(_ATTEMPTS):
            is_alone = is_alone or attempt >= _ATTEMPTS_BESIDE_OTHERS
            classified = ClassifiedRecords(records, expected, excluded)
            batch = BatchContext(
                stager,
                classified,
                owner=self._owner,
                is_alone=is_alone or bool(classified.erase_requests or classified.retract_requests),
            )
            async with self._locked(batch):
                try:
                    async with transaction(stager.pool) as connection:
                        result = await pipeline.run(connection, batch)
                except DuplicateLinked as linked:
                    excluded |= linked.keys
                    continue
                except NeedsToBeAlone:
                    is_alone = True
                    batch.invalidate_cache()
                    continue
                except Conflict as conflict:
                    log.info(
                        "batch_conflict",
                        records=len(records),
                        attempt=attempt + 1,
                        reason=str(conflict),
                    )
                    batch.invalidate_cache()
                    continue
                except BaseException:
                    batch.invalidate_cache()
                    raise
                batch.update_cache()
            return result
        raise DatabaseUnavailable(f"{_ATTEMPTS} conflicts in a row")

    def _locked(self, batch: BatchContext) -> AbstractAsyncContextManager[None]:
        """Lock the names of the batch; all names if it erases or merges, which may concern any."""
        locks = self._stager.locks
        if batch.is_alone or batch.records.has_merges:
            return locks.acquire_all()
        return locks.acquire(batch.records.names(batch.cache))


def _unapplicable_of_others(results: Sequence[BatchResult]) -> int:
    """Records that cannot be applied, without those of the known source that has the most."""
    sources = Counter(each.source for each in results if each.is_unapplicable)
    return sources.total() - max(
        (number for source, number in sources.items() if source), default=0
    )


def _runs(records: Sequence[DecodedRecord]) -> Iterator[Sequence[DecodedRecord]]:
    """The records in their order, requests to retract apart from all others and a few at a time."""
    start = 0
    for at, each in enumerate(records):
        changes = at > start and _is_retraction(each) != _is_retraction(records[start])
        if changes or (at - start >= _MOST_RETRACTIONS and _is_retraction(each)):
            yield records[start:at]
            start = at
    if records:
        yield records[start:]


def _is_retraction(decoded: DecodedRecord) -> bool:
    content = decoded.content
    return not isinstance(content, Poison) and content.type == "retract"


def _unapplicable(decoded: DecodedRecord, fault: RecordFault) -> DecodedRecord:
    match fault:
        case FoldFailed():
            reason = Reason.FOLD_FAILED
        case RetractionTooLarge():
            reason = Reason.RETRACTION_TOO_LARGE
        case _:
            reason = Reason.REFUSED_BY_DATABASE
    log.error(
        "record_unapplicable",
        partition=decoded.record.partition,
        offset=decoded.record.offset,
        reason=reason,
        error=str(fault),
        where=origin(fault),
    )
    content = decoded.content
    workspace_id = content.workspace_id if 0 <= content.workspace_id <= MAX_WORKSPACE_ID else 0
    poison = Poison(
        reason=reason,
        detail=str(fault),
        workspace_id=workspace_id,
        message_id=content.message_id,
        source=content.source,
    )
    return DecodedRecord(decoded.record, poison)
