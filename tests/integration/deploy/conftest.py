"""Parts that several integration tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.deploy.compose import ComposeStack
from tests.support.folders import postgres_folder


@pytest.fixture(scope="session")
def compose_stack(kafka_jars: Path) -> Iterator[ComposeStack]:
    """The running services of docker-compose.yml, on a broker and a database of their own."""
    assert kafka_jars.is_dir()
    with postgres_folder() as folder, ComposeStack(folder) as stack:
        yield stack
