"""Alert rules do what they say, and rules and dashboard ask only for what the services expose."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from shared.telemetry.catalogue import described
from tests.conftest import ROOT, require
from tests.integration.deploy import promtool as promtool_source
from tests.integration.deploy.compose import SERVICES, ComposeStack

PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = PROMETHEUS / "rules" / "stageline.yml"
RULE_TESTS = PROMETHEUS / "tests" / "stageline_test.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "stageline.json"
GRAFANA = ROOT / "deploy" / "grafana" / "provisioning"

FROM_PROMETHEUS = {"job", "instance"}
"""Labels that the scrape adds to every series."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """A metric in an expression, with the labels that it is matched by."""

    where: str
    metric: str
    labels: frozenset[str]


def _yaml(file: Path) -> Any:
    return yaml.safe_load(file.read_text("utf-8"))


def _alerts() -> list[dict[str, Any]]:
    return [rule for group in _yaml(RULES)["groups"] for rule in group["rules"]]


def _panels() -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return [panel for panel in panels if panel["type"] != "row"]


def _expressions() -> Iterator[tuple[str, str]]:
    """Every expression with where it stands."""
    for rule in _alerts():
        yield f"alert {rule['alert']}", rule["expr"]
    for panel in _panels():
        for target in panel["targets"]:
            yield f"panel {panel['title']}", target["expr"]


def _selectors() -> Iterator[Selector]:
    for where, expression in _expressions():
        for metric, matchers in re.findall(r"\b(stageline_\w+|up)\b(?:\{([^}]*)\})?", expression):
            labels = frozenset(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
            yield Selector(where=where, metric=metric, labels=labels)


def _series_of_catalogue() -> dict[str, set[str]]:
    """Labels by the name of each series that the catalogue can expose."""
    series: dict[str, set[str]] = {}
    for metric in described():
        labels = set(metric.labels)
        if metric.kind == "histogram":
            series[f"{metric.name}_bucket"] = labels | {"le"}
            series[f"{metric.name}_sum"] = series[f"{metric.name}_count"] = labels
        else:
            series[metric.name] = labels
    return series


@pytest.fixture(scope="session")
def promtool() -> Path:
    """A promtool that runs; where there is none and no way to get one, CI fails."""
    path = promtool_source.find()
    require(available=path is not None, reason="promtool is missing and cannot be fetched")
    assert path is not None
    return path


def test_every_alert_fires_on_its_bad_day_and_none_on_a_good_one(promtool: Path) -> None:
    _succeeds(promtool, "test", "rules", RULE_TESTS)


def test_prometheus_accepts_its_configuration_and_rules(promtool: Path) -> None:
    _succeeds(promtool, "check", "config", PROMETHEUS / "prometheus.yml")


def test_every_alert_has_a_unit_test_that_sees_it_fire() -> None:
    seen = {
        case["alertname"]
        for test in _yaml(RULE_TESTS)["tests"]
        for case in test.get("alert_rule_test", [])
        if case["exp_alerts"]
    }

    # The watchdog fires in the good day's expectation.
    assert {rule["alert"] for rule in _alerts()} - seen == {"StagelineWatchdog"}


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule["alert"]) for rule in _alerts()])
def test_every_alert_says_how_bad_for_how_long_and_what_to_do(rule: dict[str, Any]) -> None:
    page, _, anchor = rule["annotations"]["runbook"].partition("#")

    assert rule["labels"]["severity"] in {"critical", "warning", "none"}
    assert re.fullmatch(r"\d+m", rule["for"])
    assert rule["annotations"]["summary"].endswith((".", "}}."))
    assert page == "docs/monitoring.md"
    assert anchor == rule["alert"].lower()
    assert f"\n### {rule['alert']}\n" in (ROOT / "docs" / "monitoring.md").read_text("utf-8")


@pytest.mark.parametrize("where", sorted({where for where, _ in _expressions()}))
def test_expressions_name_series_and_labels_of_the_catalogue(where: str) -> None:
    series = _series_of_catalogue()
    selectors = [selector for selector in _selectors() if selector.where == where]

    for selector in selectors:
        if selector.metric == "up":
            assert selector.labels <= FROM_PROMETHEUS
            continue
        assert selector.metric in series, selector
        assert selector.labels <= series[selector.metric] | FROM_PROMETHEUS, selector
    if where != "alert StagelineWatchdog":
        assert selectors != []


def test_expressions_group_by_labels_that_their_series_have() -> None:
    series = _series_of_catalogue() | {"up": set()}
    for where, expression in _expressions():
        available = FROM_PROMETHEUS.union(
            *(series[s.metric] for s in _selectors() if s.where == where)
        )
        for grouping in re.findall(r"\b(?:by|without)\s*\(([^)]*)\)", expression):
            used = {label.strip() for label in grouping.split(",")}
            assert used <= available, (where, used - available)


async def test_rules_and_dashboard_ask_only_for_what_the_running_services_expose(
    compose_stack: ComposeStack,
) -> None:
    exposed: dict[str, set[str]] = {}
    async with httpx.AsyncClient() as http:
        for service in SERVICES:
            answer = await http.get(f"{compose_stack.addresses[service]}/metrics")
            exposed[service] = set(_series(answer.text))

    for selector in _selectors():
        if selector.metric == "up":
            continue
        # By the service that counts it: stageline_<service>_...; http belongs to all.
        owner = selector.metric.split("_")[1]
        owners = SERVICES if owner == "http" else (owner,)
        for service in owners:
            assert selector.metric in exposed[service], (service, selector)


def test_prometheus_scrapes_each_service_under_its_own_name() -> None:
    jobs = {
        job["job_name"]: job["static_configs"][0]["targets"]
        for job in _yaml(PROMETHEUS / "prometheus.yml")["scrape_configs"]
    }

    assert jobs == {service: [f"{service}:8080"] for service in SERVICES}


def test_the_dashboard_finds_its_data_source_and_can_be_linked_to() -> None:
    dashboard = json.loads(DASHBOARD.read_text("utf-8"))
    (source,) = _yaml(GRAFANA / "datasources" / "prometheus.yml")["datasources"]
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}

    assert dashboard["uid"] == "stageline"
    assert variables["datasource"]["query"] == source["type"] == "prometheus"
    assert variables["datasource"]["current"]["value"] == source["uid"]
    for panel in _panels():
        assert panel["datasource"]["uid"] == "${datasource}"
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) == 23


def test_the_dashboard_shows_what_an_operator_asks_for() -> None:
    titles = {panel["title"] for panel in _panels()}

    assert {
        "Events by verdict", "Lag by partition", "Event age", "Batch time", "Requests",
        "Request time, p99", "Stage population", "Open alerts", "Refusals by reason",
    } <= titles  # fmt: skip


def _series(exposition: str) -> Iterator[str]:
    """Names of the series in an exposition; of those that have no sample yet too."""
    for family in text_string_to_metric_families(exposition):
        yield from (sample.name for sample in family.samples)
        match family.type:
            case "counter":
                yield f"{family.name}_total"
            case "histogram":
                yield from (f"{family.name}{suffix}" for suffix in ("_bucket", "_sum", "_count"))
            case _:
                yield family.name


def _succeeds(*command: object) -> None:
    done = subprocess.run(  # noqa: S603 - promtool on our own files
        [str(part) for part in command], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
