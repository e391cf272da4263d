"""Parts that several integration tests share."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.integration.deploy.compose import ComposeStack


@pytest.fixture(scope="session")
def compose_stack(kafka_jars: Path) -> Iterator[ComposeStack]:
    """The running services of docker-compose.yml, on a broker and a database of their own."""
    assert kafka_jars.is_dir()
    # Not below pytest's own folder: another run as root closes that to the server's user.
    with (
        TemporaryDirectory(prefix="stageline-compose-", ignore_cleanup_errors=True) as folder,
        ComposeStack(Path(folder)) as stack,
    ):
        yield stack
