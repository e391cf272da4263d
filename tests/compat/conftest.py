"""A service that SDKs may talk to, and the machine parts that they need."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from shared.errors import FatalError
from tests.compat.browser import launched
from tests.compat.sdks import Sdk
from tests.compat.service import Service
from tests.conftest import require
from tests.support import machine
from tests.support.database import fresh_database
from tests.support.services import Log


@pytest.fixture(scope="package")
async def service(
    postgres_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    """Ingest and the stager on the log in PostgreSQL, shared by the tests; each names its own run."""
    async with fresh_database(postgres_url, template=template_database) as database_url:
        running = Service(database_url, Log(), tmp_path_factory.mktemp("compat"))
        async with running.running():
            yield running


@pytest.fixture(scope="session")
def node_sdks() -> Path:
    """Folder with the Node and browser SDKs; without them the test is skipped by name."""
    try:
        return machine.prepare_node_sdks()
    except FatalError as exc:
        require(available=False, reason=str(exc))
        raise


@pytest.fixture
def sdk(request: pytest.FixtureRequest) -> Sdk:
    """The SDK of this case, with what it needs on this machine."""
    wanted: Sdk = request.param
    if wanted.language == "node":
        request.getfixturevalue("node_sdks")
    return wanted


@pytest.fixture(scope="session")
def chromium() -> Path:
    """A browser; without one the test is skipped by name."""
    try:
        return machine.prepare_chromium()
    except FatalError as exc:
        require(available=False, reason=str(exc))
        raise


@pytest.fixture(scope="package")
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    """A running browser, shared by the tests; each visits with a profile of its own."""
    async with launched(chromium) as running:
        yield running
