"""What batches and jobs of one process share, and what the steps of one batch hand on to each other."""

from dataclasses import dataclass, field

from services.stager.batch.bare_ids import BareIds
from services.stager.batch.cached_reads import MemberTracker, SubjectLoader
from services.stager.batch.classify import ClassifiedRecords
from services.stager.batch.name_locks import NameLocks
from services.stager.batch.name_resolver import NameResolver
from services.stager.batch.retractions import Retractions
from services.stager.batch.tombstones import Tombstones
from services.stager.fold.fold_subject import FoldOutput
from services.stager.fold.journeys import Journeys
from services.stager.fold.output_rows import RefoldReason
from services.stager.fold.snapshots import SNAPSHOT_EVERY
from services.stager.identity.names import Key
from services.stager.identity.state import Resolution
from services.stager.records.records import BatchEvent
from services.stager.store.rows import Erasure
from services.stager.store.session import Pool
from services.stager.subjects.cache import RowCache
from shared.clock import Clock
from shared.contracts.identity_limits import DEFAULT_LIMITS, IdentityLimits


@dataclass(frozen=True, slots=True)
class StagerContext:
    """The parts that all writing transactions of one process share."""

    pool: Pool
    clock: Clock
    cache: RowCache
    limits: IdentityLimits = DEFAULT_LIMITS
    journeys: Journeys = field(default_factory=Journeys)
    tombstones: Tombstones = field(default_factory=Tombstones)
    retractions: Retractions = field(default_factory=Retractions)
    bare_ids: BareIds = field(default_factory=BareIds)
    locks: NameLocks = field(default_factory=NameLocks)
    """Held during each writing transaction, so that those of one process do not conflict."""
    snapshot_every: int = SNAPSHOT_EVERY
    """Touchpoints of a subject between two snapshots; at least 1."""


class BatchContext:
    """One try at a batch. The steps of `pipeline.run` fill it in; nothing outside changes before commit."""

    def __init__(
        self,
        stager: StagerContext,
        records: ClassifiedRecords,
        *,
        owner: str,
        is_alone: bool,
    ) -> None:
        """`owner` names the process in `consumer_offset`. `is_alone`: no other batch is under way."""
        cache = stager.cache
        self.journeys = stager.journeys
        self.tombstones = stager.tombstones
        self.retractions = stager.retractions
        self.bare_ids = stager.bare_ids
        self.cache = cache
        self.records = records
        self.owner = owner
        self._clock = stager.clock
        self.now = now = stager.clock.now()
        self.is_alone = is_alone
        self.subjects = SubjectLoader(cache)
        self.members = MemberTracker(cache)
        self.names = NameResolver(cache, self.subjects, stager.limits)
        self.resolution = Resolution()
        self.output = FoldOutput(now, stager.snapshot_every)
        self.by_subject: dict[Key, list[BatchEvent]] = {}
        """Events by subject."""
        self.by_person: dict[Key, list[BatchEvent]] = {}
        """Events by a person who has journeys of its own besides the subject's."""
        self.changed_histories: set[Key] = set()
        """Subjects and persons whose stored history changed: they are re-folded."""
        self.touched: set[Key] = set()
        """Subjects that get a new version whatever else becomes of them."""
        self.newly_seen: dict[Key, set[str]] = {}
        """Subjects in which this batch sees a person."""
        self.refold_reason = RefoldReason.MERGE
        """Why the histories in `changed_histories` did."""
        self.is_erasing = False
        self.is_retracting = False
        self.erasure = Erasure()
        self.erased_events: list[BatchEvent] = []
        self._started_at = cache.tick()
        self.epoch = cache.epoch
        """Epoch of the cache that the batch reads."""

    def read_clock(self) -> None:
        """Set the instant up to which subjects are folded; to be called once they are read.

        A timer may have fired while the batch waited for their rows: folded up to an earlier instant, its
        stall would be taken back, and reported again by the next timer.
        """
        self.now = self.output.now = self._clock.now()

    def see(self, workspace: int, person: str | None, subject: str) -> None:
        """Note that a person is a member of a subject."""
        if person is not None:
            self.newly_seen.setdefault((workspace, person), set()).add(subject)

    def update_cache(self) -> None:
        """Cache what was written; to be called after the commit."""
        cache = self.cache
        if self.is_retracting:
            cache.clear()
            return
        if cache.epoch != self.epoch:
            return
        if self.is_erasing:
            cache.clear()
            return
        read_at = self.subjects.read_at
        for key, subject in self.output.subjects.items():
            cache.subjects.put(key, (subject, read_at[key]))
        self.members.update_cache(read_at)
        for name, (_, row) in self.resolution.changes.items():
            if name not in self.resolution.erased_names:
                cache.names.put(name, (row, self._started_at))
        cache.names.invalidate(self.resolution.removed)
        for each in self.resolution.statements:
            cache.pairs.put(each.pair, each.order)

    def invalidate_cache(self) -> None:
        """Drop what the batch read; to be called after a rollback, which a stale entry may have caused."""
        if self.is_retracting:
            # It has cached what it read of its own writes.
            self.cache.clear()
            return
        self.cache.subjects.invalidate(self.subjects.subjects)
        self.cache.members.invalidate(self.members.members)
        self.cache.names.invalidate(self.names.names)
