"""What every test may ask for: a real PostgreSQL, a fresh migrated database, a real Kafka.

A missing part skips by name; with CI=true it fails, so that a green run has tested everything.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from hypothesis import HealthCheck, settings
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.dev.kafka import LocalKafka, prepare
from services.standalone.postgres import EmbeddedPostgres
from shared.errors import FatalError
from tests.support.database import Connection, connected, engine_of, fresh_database, migrate
from tests.support.eventually import eventually
from tests.support.folders import postgres_folder

ROOT = Path(__file__).parent.parent

# How fast a machine draws an example says nothing of the code: neither the deadline nor the health
# check for slowness may fail a test on a loaded machine, or on one that builds Hypothesis' character
# tables for the first time. The examples follow from the test's own code, not from a seed or from a
# folder of earlier failures, so that two runs of one commit agree.
settings.register_profile(
    "same_examples",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    database=None,
)
# For a search by hand: other examples in each run, failures kept in .hypothesis.
settings.register_profile(
    "other_examples",
    settings.get_profile("same_examples"),
    derandomize=False,
    database=settings.get_profile("default").database,
)
settings.load_profile("same_examples")


def pytest_configure() -> None:
    """Begin with a Ctrl-C that works: what a shell starts in the background ignores it, by descent."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def require(*, available: bool, reason: str) -> None:
    """Skip when `available` is false, or fail where everything must be there (CI=true)."""
    if available:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Address of a server: `STAGELINE_TEST_POSTGRES`, or one started for this run."""
    given = os.environ.get("STAGELINE_TEST_POSTGRES")
    if given:
        yield given
        return
    with postgres_folder() as folder, EmbeddedPostgres(folder / "pg", durable=False) as server:
        yield server.url


@pytest.fixture(scope="session")
async def template_database(postgres_url: str) -> AsyncIterator[str]:
    """Name of a database at the newest migration, to be copied per test."""
    async with fresh_database(postgres_url) as url:
        await migrate(url)
        yield make_url(url).database or ""


@pytest.fixture
async def database_url(postgres_url: str, template_database: str) -> AsyncIterator[str]:
    """Address of a fresh database of this test alone; it may commit as it likes."""
    async with fresh_database(postgres_url, template=template_database) as url:
        yield url


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[Connection]:
    """A connection as the owner of the tables of `database_url`."""
    async with connected(database_url) as connection:
        yield connection


@pytest.fixture
async def owner_engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine as the owner of the tables of `database_url`."""
    async with engine_of(database_url) as engine:
        yield engine


@pytest.fixture(scope="session")
def kafka_jars() -> Path:
    """Folder of Kafka's jars; without Java, Maven or the jars the test is skipped by name."""
    # Brokers that live for seconds: the thorough compiler costs more than it gives back.
    os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")
    try:
        return prepare()
    except FatalError as exc:
        require(available=False, reason=str(exc))
        raise


@pytest.fixture(scope="session")
def kafka(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Address of a broker that no test disturbs: `STAGELINE_TEST_KAFKA`, or one of this session.

    Shared by the tests, so each names its own topics and groups.
    """
    given = os.environ.get("STAGELINE_TEST_KAFKA")
    if given:
        yield given
        return
    request.getfixturevalue("kafka_jars")
    with LocalKafka(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker.bootstrap


@pytest.fixture(scope="session")
def _second_kafka(
    kafka_jars: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalKafka]:
    assert kafka_jars.is_dir()
    broker = LocalKafka(tmp_path_factory.mktemp("own-kafka"))
    yield broker
    broker.stop()


@pytest.fixture
def own_kafka(_second_kafka: LocalKafka) -> Iterator[LocalKafka]:
    """A running broker without topics, this test's alone, to be paused, killed and started again.

    One process serves them all, one after the other, whatever state a test leaves it in: a start
    takes longer than most of them.
    """
    broker = _second_kafka
    broker.start()
    # In a thread of its own: the session's event loop runs in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _remove_topics(broker.bootstrap)).result()
    yield broker
    if broker.is_running():
        broker.resume()


async def _remove_topics(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:

        async def are_gone() -> bool:
            topics = [name for name in await admin.list_topics() if not name.startswith("__")]
            if topics:
                await admin.delete_topics(topics, timeout_ms=20_000)
            return not topics

        await eventually(are_gone, within=30, every=0.1)
    finally:
        await admin.close()
