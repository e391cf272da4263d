"""Parts that several integration tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.compose import ComposeStack


@pytest.fixture(scope="session")
def compose_stack(
    kafka_jars: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ComposeStack]:
    """The running services of docker-compose.yml, on a broker and a database of their own."""
    assert kafka_jars.is_dir()
    with ComposeStack(tmp_path_factory.mktemp("compose")) as stack:
        yield stack
