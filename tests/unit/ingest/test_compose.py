import pytest
from structlog.testing import capture_logs

from services.ingest.compose import warn_of_foreign_hosts
from services.ingest.settings import IngestSettings

URL = "https://events.example.com"


@pytest.mark.parametrize(
    ("host", "public_base_url", "warns"),
    [("0.0.0.0", "", True), ("0.0.0.0", URL, False), ("127.0.0.1", "", False)],  # noqa: S104 - cases
)
def test_a_start_without_an_address_of_its_own_warns_where_strangers_reach_it(
    host: str, public_base_url: str, *, warns: bool
) -> None:
    settings = IngestSettings.model_validate(
        {"database_url": "postgresql://x", "host": host, "public_base_url": public_base_url}
    )

    with capture_logs() as logs:
        warn_of_foreign_hosts(settings)

    assert [(log["event"], log["log_level"]) for log in logs] == (
        [("public_base_url_missing", "warning")] if warns else []
    )
