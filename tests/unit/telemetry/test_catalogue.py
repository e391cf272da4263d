import re

from prometheus_client import CollectorRegistry, generate_latest

from shared.telemetry.catalogue import ACTIONS, described
from shared.telemetry.metrics import Metrics

CLOSED_LABELS = {
    "service", "route", "method", "status",
    "code", "reason", "how",
    "verdict", "kind", "partition", "field",
    "journey", "stage", "provider",
}  # fmt: skip
"""Every one of them has few values; an id of a customer, a key or a message would have many."""


def test_names_say_who_counts_what_in_which_unit() -> None:
    for metric in described():
        assert re.fullmatch(r"stageline_(http|ingest|stager|api)_[a-z_]+", metric.name), metric.name
        assert (metric.kind == "counter") == metric.name.endswith("_total"), metric.name
        if metric.kind == "histogram":
            assert metric.name.endswith(("_seconds", "_records")), metric.name


def test_labels_come_from_closed_sets() -> None:
    assert {label for metric in described() for label in metric.labels} <= CLOSED_LABELS


def test_every_metric_says_what_it_means_and_what_to_do() -> None:
    metrics = list(described())

    assert {metric.name for metric in metrics} == set(ACTIONS)
    assert [m.name for m in metrics if not m.meaning.endswith(".") or not m.action] == []


def test_two_processes_in_one_interpreter_do_not_share_counts() -> None:
    one, other = Metrics(CollectorRegistry()), Metrics(CollectorRegistry())

    one.ingest_unavailable.inc()

    assert b"stageline_ingest_unavailable_total 1.0" in generate_latest(one.registry)
    assert b"stageline_ingest_unavailable_total 0.0" in generate_latest(other.registry)


def test_a_counter_that_alerts_look_for_exists_before_its_first_event() -> None:
    # Otherwise the first dead letter makes a series that begins at one, and no increase is seen.
    exposed = generate_latest(Metrics(CollectorRegistry()).registry).decode()

    for verdict in ("applied", "duplicate", "dead"):
        assert f'stageline_stager_events_total{{verdict="{verdict}"}} 0.0' in exposed
