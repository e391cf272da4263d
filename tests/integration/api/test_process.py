"""The api as a process: its gauges, its start and its stop."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.integration.api.world import SHOP, World, api_world
from tests.support.eventually import eventually
from tests.support.processes import ServiceProcess


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with api_world(database_url) as world:
        yield world


async def test_gauges_sum_over_all_workspaces_and_fall_to_zero(world: World) -> None:
    await world.publish(SHOP)
    await world.account("a", stage="evaluation")
    await world.account("b", stage="evaluation", status="stalled")
    await world.account("c", stage="evaluation", workspace_id=world.foreign_workspace)
    await world.account("user:1", journey="shop", stage="cart")
    await world.alert("0198f2c4-7d1e-7c3a-9a51-2f6f0c6f1b11")
    await world.alert("0198f2c4-7d1e-7c3a-9a51-2f6f0c6f1b12", state="resolved", opened="08 10:00")
    await world.alert(
        "0198f2c4-7d1e-7c3a-9a51-2f6f0c6f1b13",
        state="acknowledged",
        workspace_id=world.foreign_workspace,
    )

    await world.api.stage_gauges.count()
    before = (await world.client.get("/metrics")).text
    await world.owner.execute("DELETE FROM placement WHERE subject_id IN ('a', 'c')")
    await world.owner.execute("UPDATE alert SET state = 'resolved'")
    await world.api.stage_gauges.count()
    after = (await world.client.get("/metrics")).text

    def gauge(journey: str, stage: str, status: str, number: str) -> str:
        labels = f'journey="{journey}",stage="{stage}",status="{status}"'
        return f"stageline_api_stage_population{{{labels}}} {number}\n"

    assert gauge("sales", "evaluation", "active", "2.0") in before
    assert gauge("sales", "evaluation", "stalled", "1.0") in before
    assert gauge("shop", "cart", "active", "1.0") in before
    assert gauge("sales", "evaluation", "active", "0.0") in after
    assert gauge("sales", "evaluation", "stalled", "1.0") in after
    assert 'stageline_api_open_alerts{journey="sales",kind="stall"} 2.0\n' in before
    assert 'stageline_api_open_alerts{journey="sales",kind="stall"} 0.0\n' in after


async def test_the_process_serves_requests_and_stops_on_sigterm(
    world: World, tmp_path: Path
) -> None:
    await world.account("acme")
    environment = {
        "STAGELINE_DATABASE_URL": world.database_url,
        "STAGELINE_UNREADY_SECONDS": "0.1",
    }
    headers = {"Authorization": f"Bearer {world.secret}"}
    async with (
        ServiceProcess("api", environment, tmp_path) as process,
        httpx.AsyncClient(base_url=process.url) as client,
    ):
        await process.wait_ready()

        async def counted() -> bool:
            return 'stage="evaluation"' in (await client.get("/metrics")).text

        await eventually(counted, within=30)
        slashed = await client.get("/v1/accounts/a%2Fb/history", headers=headers)
        answer = await client.get("/v1/stage", params={"account_id": "acme"}, headers=headers)
        large = await client.post(
            "/v1/stage:batch", content=b" " * 3_000_000, headers=headers, timeout=20
        )
        code = await process.stop()

    assert (slashed.status_code, slashed.json()["code"]) == (404, "subject_unknown")
    assert (answer.status_code, answer.json()["stage"]) == (200, "evaluation")
    assert large.status_code == 413
    assert code == 0
    assert world.secret not in process.output()
    assert "Traceback" not in process.output()
