"""Alert rules and dashboard, read for what they ask of Prometheus."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = PROMETHEUS / "rules" / "stageline.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "stageline.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """A metric in an expression, with the labels that it is matched by."""

    where: str
    metric: str
    labels: frozenset[str]


def read_yaml(file: Path) -> Any:
    """Content of a YAML file."""
    return yaml.safe_load(file.read_text("utf-8"))


def alerts() -> list[dict[str, Any]]:
    """Every alert rule."""
    return [rule for group in read_yaml(RULES)["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """Panels of the dashboard, rows left out."""
    every: list[dict[str, Any]] = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return [panel for panel in every if panel["type"] != "row"]


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression with where it stands."""
    for rule in alerts():
        yield f"alert {rule['alert']}", rule["expr"]
    for panel in panels():
        for target in panel["targets"]:
            yield f"panel {panel['title']}", target["expr"]


def selectors() -> Iterator[Selector]:
    """Every metric of every expression."""
    for where, expression in expressions():
        for metric, matchers in re.findall(r"\b(stageline_\w+|up)\b(?:\{([^}]*)\})?", expression):
            labels = frozenset(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
            yield Selector(where=where, metric=metric, labels=labels)
