"""A stager that ends by a fault leaves the rest of `make run` at work, which says so."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from tests.integration.stager.test_process import append, settings_of
from tests.support.eventually import eventually
from tests.support.standalone import Start, starting


@pytest.fixture
def start() -> Iterator[Start]:
    with TemporaryDirectory(prefix="stageline-") as name:
        # As root, PostgreSQL runs as another system user, who has to reach it.
        Path(name).chmod(0o755)
        with starting(Path(name)) as start:
            yield start


async def test_ingest_and_api_go_on_and_the_terminal_and_readyz_name_the_reason(
    start: Start,
) -> None:
    running = start()
    running.wait_ready()
    credentials = running.credentials()
    # No sender's: records that hold no source count as a broken release.
    await append(settings_of(credentials["database_url"]), *([b"broken"] * 5_000))

    async def is_said() -> bool:
        return "The stager has stopped: most of the last 200 records" in running.output()

    await eventually(is_said, within=60)
    headers = {"Authorization": f"Bearer {credentials['secret_key']}"}
    async with httpx.AsyncClient(base_url=credentials["base_url"], headers=headers) as client:
        event = {"event": "Demo Requested", "account_id": "acme"}
        accepted = await client.post("/v1/touchpoints", json=event)
        stage = await client.get("/v1/stage", params={"account_id": "northwind-robotics"})
        alive = await client.get("/livez")

        async def is_ready_no_more() -> bool:
            ready = await client.get("/readyz")
            return ready.status_code == 503 and ready.json()["stager"] is False

        await eventually(is_ready_no_more, within=10)

    assert (accepted.status_code, stage.status_code, alive.status_code) == (202, 200, 200)
    assert running.stop() == 0
    assert "Traceback" not in running.output()
