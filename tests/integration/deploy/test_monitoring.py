"""Alert rules do what they say, and rules and dashboard ask only for what the services expose."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from shared.telemetry.catalogue import described
from tests.conftest import ROOT, require
from tests.integration.deploy.compose import SERVICES
from tests.integration.deploy.expressions import (
    DASHBOARD,
    PROMETHEUS,
    alerts,
    expressions,
    panels,
    read_yaml,
    selectors,
)
from tests.support import promtool as promtool_source

RULE_TESTS = PROMETHEUS / "tests" / "stageline_test.yml"
GRAFANA = ROOT / "deploy" / "grafana" / "provisioning"

FROM_PROMETHEUS = {"job", "instance"}
"""Labels that the scrape adds to every series."""


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
        for test in read_yaml(RULE_TESTS)["tests"]
        for case in test.get("alert_rule_test", [])
        if case["exp_alerts"]
    }

    # The watchdog fires in the good day's expectation.
    assert {rule["alert"] for rule in alerts()} - seen == {"StagelineWatchdog"}


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule["alert"]) for rule in alerts()])
def test_every_alert_says_how_bad_for_how_long_and_what_to_do(rule: dict[str, Any]) -> None:
    page, _, anchor = rule["annotations"]["runbook"].partition("#")

    assert rule["labels"]["severity"] in {"critical", "warning", "none"}
    assert re.fullmatch(r"\d+m", rule["for"])
    assert rule["annotations"]["summary"].endswith((".", "}}."))
    assert page == "docs/monitoring.md"
    assert anchor == rule["alert"].lower()
    assert f"\n### {rule['alert']}\n" in (ROOT / "docs" / "monitoring.md").read_text("utf-8")


@pytest.mark.parametrize("where", sorted({where for where, _ in expressions()}))
def test_expressions_name_series_and_labels_of_the_catalogue(where: str) -> None:
    series = _series_of_catalogue()
    of_expression = [each for each in selectors() if each.where == where]

    for selector in of_expression:
        if selector.metric == "up":
            assert selector.labels <= FROM_PROMETHEUS
            continue
        assert selector.metric in series, selector
        assert selector.labels <= series[selector.metric] | FROM_PROMETHEUS, selector
    if where != "alert StagelineWatchdog":
        assert of_expression != []


def test_expressions_group_by_labels_that_their_series_have() -> None:
    series = _series_of_catalogue() | {"up": set()}
    for where, expression in expressions():
        available = FROM_PROMETHEUS.union(
            *(series[s.metric] for s in selectors() if s.where == where)
        )
        for grouping in re.findall(r"\b(?:by|without)\s*\(([^)]*)\)", expression):
            used = {label.strip() for label in grouping.split(",")}
            assert used <= available, (where, used - available)


def test_prometheus_scrapes_each_service_under_its_own_name() -> None:
    jobs = {
        job["job_name"]: job["static_configs"][0]["targets"]
        for job in read_yaml(PROMETHEUS / "prometheus.yml")["scrape_configs"]
    }

    assert jobs == {service: [f"{service}:8080"] for service in SERVICES}


def test_the_dashboard_finds_its_data_source_and_can_be_linked_to() -> None:
    dashboard = json.loads(DASHBOARD.read_text("utf-8"))
    (source,) = read_yaml(GRAFANA / "datasources" / "prometheus.yml")["datasources"]
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}

    assert dashboard["uid"] == "stageline"
    assert variables["datasource"]["query"] == source["type"] == "prometheus"
    assert variables["datasource"]["current"]["value"] == source["uid"]
    for panel in panels():
        assert panel["datasource"]["uid"] == "${datasource}"
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    every_panel = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    cells = [
        (x, y)
        for panel in every_panel
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len({panel["id"] for panel in every_panel}) == len(every_panel)
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) == 23


def test_the_dashboard_shows_what_an_operator_asks_for() -> None:
    titles = {panel["title"] for panel in panels()}

    assert {
        "Events by verdict", "Lag by partition", "Event age", "Batch time", "Requests",
        "Request time, p99", "Stage population", "Open alerts", "Refusals by reason",
    } <= titles  # fmt: skip


def _succeeds(*command: object) -> None:
    done = subprocess.run(  # noqa: S603 - promtool on our own files
        [str(part) for part in command], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
