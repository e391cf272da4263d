"""The local broker: comes up, keeps its address and data, stops in time, says what is missing."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from deploy.dev.kafka import LocalKafka, prepare
from shared.errors import FatalError
from tests.support.eventually import eventually


async def _cluster_id(bootstrap: str) -> str:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=1000)
    try:
        await admin.start()
        return str((await admin.describe_cluster())["cluster_id"])
    finally:
        await admin.close()


async def test_a_killed_broker_comes_back_on_its_address_with_its_data(
    own_kafka: LocalKafka,
) -> None:
    before = own_kafka.bootstrap
    admin = AIOKafkaAdminClient(bootstrap_servers=before)
    await admin.start()
    await admin.create_topics([NewTopic("kept", 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=before, acks="all")
    await producer.start()
    first = await producer.send_and_wait("kept", b"one")
    await producer.stop()

    own_kafka.kill()
    assert not own_kafka.is_running()
    own_kafka.start()

    producer = AIOKafkaProducer(bootstrap_servers=own_kafka.bootstrap, acks="all")
    await producer.start()
    second = await producer.send_and_wait("kept", b"two")
    await producer.stop()
    assert own_kafka.bootstrap == before
    assert (first.offset, second.offset) == (0, 1)


async def test_a_paused_broker_does_not_answer_until_it_is_resumed(own_kafka: LocalKafka) -> None:
    cluster = await _cluster_id(own_kafka.bootstrap)

    own_kafka.pause()
    with pytest.raises(KafkaError):
        await _cluster_id(own_kafka.bootstrap)
    own_kafka.resume()

    async def answers() -> bool:
        return await _cluster_id(own_kafka.bootstrap) == cluster

    assert await eventually(answers, within=20)


def test_a_paused_broker_can_be_stopped_and_stopping_twice_is_harmless(
    own_kafka: LocalKafka,
) -> None:
    own_kafka.pause()

    own_kafka.stop()
    own_kafka.stop()

    assert not own_kafka.is_running()


def test_a_port_in_use_is_named_in_a_clear_error(kafka: str, tmp_path: Path) -> None:
    port = int(kafka.rpartition(":")[2])
    second = LocalKafka(tmp_path / "second", port=port)

    with pytest.raises(FatalError, match=f"port {port} is taken"):
        second.start()

    assert not second.is_running()


def test_a_missing_java_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(FatalError, match="no `java` on PATH"):
        prepare(tmp_path / "cache")


def test_an_old_java_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _program(tmp_path / "java", "echo 'openjdk version \"11.0.2\" 2019-01-15'")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    with pytest.raises(FatalError, match="Java 17 or newer is needed, found openjdk version"):
        prepare(tmp_path / "cache")


def test_a_missing_maven_is_named_only_while_the_jars_are_not_there(
    kafka_jars: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _program(tmp_path / "java", "echo 'openjdk version \"17.0.1\" 2021-10-19'")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert prepare() == kafka_jars
    with pytest.raises(FatalError, match="no `mvn` on PATH"):
        prepare(tmp_path / "cache")


def test_a_maven_that_fails_is_quoted_and_leaves_no_half_filled_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _program(tmp_path / "java", "echo 'openjdk version \"17.0.1\" 2021-10-19'")
    _program(tmp_path / "mvn", "echo 'no route to the repository'; exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(FatalError, match="no route to the repository"):
        prepare(tmp_path / "cache")

    assert not list((tmp_path / "cache").glob("*/*.jar"))


def test_parallel_callers_run_maven_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _program(tmp_path / "java", "echo 'openjdk version \"17.0.1\" 2021-10-19'")
    _program(
        tmp_path / "mvn",
        f"echo run >> {tmp_path / 'runs'}\n"
        'for last; do target="${last#-DoutputDirectory=}"; done\n'
        '/bin/mkdir -p "$target" && echo jar > "$target/kafka_2.13-0.jar"',
    )
    monkeypatch.setenv("PATH", str(tmp_path))

    with ThreadPoolExecutor(4) as threads:
        folders = set(threads.map(lambda _: prepare(tmp_path / "cache"), range(4)))

    assert (tmp_path / "runs").read_text() == "run\n"
    assert len(folders) == 1
    assert [jar.name for jar in folders.pop().glob("*.jar")] == ["kafka_2.13-0.jar"]


def test_a_broker_that_dies_while_starting_shows_the_end_of_its_log(
    kafka_jars: Path, tmp_path: Path
) -> None:
    starved = LocalKafka(tmp_path / "kafka", heap_mb=24)

    with pytest.raises(FatalError, match=r"OutOfMemoryError|heap"):
        starved.start()

    assert not starved.is_running()
    assert kafka_jars.is_dir()


def _program(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
