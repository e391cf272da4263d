"""Membership of a Kafka consumer group: what was assigned, and whether it still counts."""

import asyncio

import structlog
from aiokafka import TopicPartition
from aiokafka.abc import ConsumerRebalanceListener

_log = structlog.get_logger(__name__)


class Membership(ConsumerRebalanceListener):  # type: ignore[misc] # untyped library
    """The partitions that the group assigned to this reader.

    The listener's methods only record: they cannot fail and never wait.
    """

    def __init__(self, topic: str) -> None:
        """Nothing is held before the group assigns something."""
        self._topic = topic
        self._assigned = asyncio.Event()
        self.generation = 0
        """Grows with each change; records fetched under an earlier one must not be returned."""
        self.held: frozenset[int] = frozenset()
        self.unpositioned: set[int] = set()
        """Held, but the stored offsets were not loaded yet: nothing may be read or stored."""
        self.is_doubtful = False
        """The group may have reassigned the partitions: check before the next read."""

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Called by aiokafka when the group rebalances."""
        if revoked:
            _log.info("event_log_revoked", topic=self._topic, partitions=len(revoked))
        self.revoke()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Called by aiokafka when the group has settled; a new assignment is certain."""
        self.generation += 1
        self.held = frozenset(tp.partition for tp in assigned)
        self.unpositioned = set(self.held)
        self.is_doubtful = False
        self._assigned.set()

    def revoke(self) -> None:
        """Hold nothing until the next assignment."""
        self.generation += 1
        self.held = frozenset()
        self.unpositioned = set()
        self._assigned.clear()

    def reset_positions(self) -> None:
        """Load the stored offsets again before the next read."""
        self.unpositioned = set(self.held)

    async def wait_until_assigned(self, timeout_seconds: float) -> bool:
        """Wait for an assignment; False when none came in time."""
        if self._assigned.is_set():
            return True
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._assigned.wait()
        except TimeoutError:
            return False
        return True
