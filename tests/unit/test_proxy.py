"""The proxies of deploy/proxy pass on every path that is served to senders and readers, and no other."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from starlette.routing import Route

from services.api.routes import ROUTERS
from services.ingest.app import routes
from services.ingest.intake import Ingest
from services.ingest.limits import Limits
from shared.clock import ManualClock
from shared.keys.cache import KeyCache
from shared.sources.registry import SourceRegistry
from shared.telemetry.metrics import Metrics
from tests.conftest import ROOT
from tests.unit.ingest.conftest import NOW, FakeDatabase, ListLog

PROXY = ROOT / "deploy" / "proxy"
INSIDE = ("/", "/metrics", "/livez", "/readyz", "/openapi.json", "/docs", "/metrics/v1/stage")

Rules = list[tuple[re.Pattern[str], str]]


def rules_of_nginx(text: str) -> Rules:
    """Pattern and upstream of each line of the map, in its order."""
    lines = re.findall(r'^\s+"~(\S+)" stageline_(\w+);$', text, re.MULTILINE)
    return [(re.compile(pattern), service) for pattern, service in lines]


def rules_of_caddy(text: str) -> Rules:
    """Pattern and upstream of each matcher, in the order of the `reverse_proxy` lines."""
    patterns = dict(re.findall(r"^\s+@(\w+) path_regexp (\S+)$", text, re.MULTILINE))
    uses = re.findall(r"^\s+reverse_proxy @(\w+) \{\$STAGELINE_(\w+):\S+\}$", text, re.MULTILINE)
    assert [name for name, _ in uses] == list(patterns)
    return [(re.compile(patterns[name]), service.lower()) for name, service in uses]


RULES = {
    "nginx.conf": rules_of_nginx((PROXY / "nginx.conf").read_text("utf-8")),
    "Caddyfile": rules_of_caddy((PROXY / "Caddyfile").read_text("utf-8")),
}


def service_of(path: str, rules: Rules) -> str | None:
    """The service that a proxy with these rules sends `path` to."""
    return next((service for pattern, service in rules if pattern.search(path)), None)


def example(template: str) -> str:
    """A path of this route, with an id that holds slashes where one may."""
    return re.sub(r"\{\w+(:\w+)?\}", "a/b" if ":" in template else "ab", template)


@pytest.fixture(scope="module")
def ingest() -> Ingest:
    database, clock = FakeDatabase(), ManualClock(NOW)
    return Ingest(
        writer=ListLog(),
        keys=KeyCache(database.load, clock),
        sources=SourceRegistry(database.load_sources),
        clock=clock,
        metrics=Metrics(CollectorRegistry()),
        write_erasures=database.write_erasures,
        touchpoints=database,
        limits=Limits(),
    )


@pytest.mark.parametrize("file", RULES)
def test_every_path_of_ingest_reaches_ingest(ingest: Ingest, file: str) -> None:
    paths = [example(route.path) for route in routes(ingest)]

    assert len(paths) > 30
    assert [path for path in paths if service_of(path, RULES[file]) != "ingest"] == []


@pytest.mark.parametrize("file", RULES)
def test_every_path_of_the_api_reaches_the_api(file: str) -> None:
    served = [
        route.path for router in ROUTERS for route in router.routes if isinstance(route, Route)
    ]

    assert len(served) > 20
    assert [p for p in served if service_of(example(p), RULES[file]) != "api"] == []


@pytest.mark.parametrize("path", INSIDE)
@pytest.mark.parametrize("file", RULES)
def test_what_is_for_the_inside_is_sent_nowhere(file: str, path: str) -> None:
    assert service_of(path, RULES[file]) is None


def test_both_proxies_have_the_same_rules() -> None:
    nginx, caddy = (
        [(pattern.pattern, service) for pattern, service in RULES[file]]
        for file in ("nginx.conf", "Caddyfile")
    )

    assert nginx == caddy


def test_the_guide_names_both_files() -> None:
    guide = Path(ROOT, "deploy", "README.md").read_text("utf-8")

    assert "proxy/Caddyfile" in guide
    assert "proxy/nginx.conf" in guide
