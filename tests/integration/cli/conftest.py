"""Commands whose output is compared run beside services that log to the same standard output."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs


@pytest.fixture(autouse=True)
def _services_log_elsewhere() -> Iterator[None]:
    """A warning of a service, such as that of a slow database, is no part of what a command prints."""
    with capture_logs():
        yield
