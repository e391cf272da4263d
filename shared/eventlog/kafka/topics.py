"""Creation of topics on Kafka: explicit, because a first send to a missing topic waits long for metadata."""

import asyncio
from collections.abc import Mapping
from time import monotonic

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.errors import LogUnavailable

_log = structlog.get_logger(__name__)

_BROKER_DEFAULT = -1
_CONFIGS = {"message.timestamp.type": "LogAppendTime"}
"""The broker dates the records: it refuses those of a writer whose clock is an hour ahead. Nothing reads
the date; an envelope has its own."""

_PAUSE_SECONDS = 0.1


async def ensure_topics(
    bootstrap: str,
    partitions: Mapping[str, int],
    *,
    timeout_seconds: float,
    configs: Mapping[str, str] | None = None,
) -> None:
    """Make the topics that are missing, dated by the broker, and wait until each partition has a leader.

    A topic that exists keeps its partitions: more of them would move keys, so that is an operator's
    decision. Safe to call at once from several processes. Raises LogUnavailable.
    """
    admin = AIOKafkaAdminClient(
        bootstrap_servers=bootstrap, request_timeout_ms=round(timeout_seconds * 1000)
    )
    try:
        async with asyncio.timeout(timeout_seconds):
            await admin.start()
            await _wait_for_brokers(admin)
            answer = await admin.create_topics(
                [
                    # An empty assignment: with None, aiokafka refuses the broker's default.
                    NewTopic(name, count, _BROKER_DEFAULT, {}, {**_CONFIGS, **(configs or {})})
                    for name, count in partitions.items()
                ]
            )
            for name, code, *_ in answer.topic_errors:
                error = for_code(code)
                if code and error is not TopicAlreadyExistsError:
                    message = f"Kafka did not make the topic {name}: {error.__name__}"
                    raise LogUnavailable(message)
            await _wait_for_leaders(admin, partitions)
    except (KafkaError, OSError, TimeoutError) as exc:
        message = f"Kafka at {bootstrap} does not answer: {exc!r}"
        raise LogUnavailable(message) from exc
    finally:
        await admin.close()


async def _wait_for_brokers(admin: AIOKafkaAdminClient) -> None:
    """A broker that answers but is not in its own cluster yet has no controller to make topics."""
    while True:
        cluster = await admin.describe_cluster()
        if cluster["brokers"]:
            return
        await asyncio.sleep(_PAUSE_SECONDS)


async def _wait_for_leaders(admin: AIOKafkaAdminClient, partitions: Mapping[str, int]) -> None:
    started = monotonic()
    while True:
        topics = await admin.describe_topics(list(partitions))
        counts = {
            topic["topic"]: len(topic["partitions"])
            for topic in topics
            if topic["error_code"] == 0 and _all_led(topic["partitions"])
        }
        if counts.keys() >= partitions.keys():
            break
        await asyncio.sleep(min(0.25, 0.02 + (monotonic() - started) / 4))
    for name, wanted in partitions.items():
        if counts[name] != wanted:
            _log.warning(
                "event_log_partitions_differ", topic=name, exist=counts[name], wanted=wanted
            )


def _all_led(partitions: list[dict[str, int]]) -> bool:
    return bool(partitions) and all(
        partition["error_code"] == 0 and partition["leader"] >= 0 for partition in partitions
    )
