"""`/metrics` needs no key, so who may read it depends on where the request comes from."""

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter
from starlette.applications import Starlette

from shared.http.health import Health, MetricsPeers, routes


async def answer(path: str, peer: str, metrics_peers: MetricsPeers) -> httpx.Response:
    registry = CollectorRegistry()
    Counter("stage_entries", "Customers that came.", registry=registry).inc()
    app = Starlette(routes=routes(Health({}), registry, metrics_peers=metrics_peers))
    transport = httpx.ASGITransport(app, client=(peer, 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        return await client.get(path)


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
async def test_this_machine_reads_the_figures(peer: str) -> None:
    response = await answer("/metrics", peer, "loopback")

    assert response.status_code == 200
    assert "stage_entries_total 1.0" in response.text


@pytest.mark.parametrize("peer", ["10.0.0.7", "2001:db8::1", "::ffff:10.0.0.7", "localhost", ""])
async def test_to_another_machine_there_are_none(peer: str) -> None:
    response = await answer("/metrics", peer, "loopback")

    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert "stage_entries" not in response.text


async def test_a_setting_lets_others_read_them() -> None:
    assert (await answer("/metrics", "10.0.0.7", "all")).status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_health_answers_every_peer(path: str) -> None:
    assert (await answer(path, "10.0.0.7", "loopback")).status_code == 200
