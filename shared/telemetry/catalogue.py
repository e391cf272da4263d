"""The list of metrics from which docs/metrics.md is generated.

Names, types, labels and meanings are read from `Metrics` itself; this module adds what to do about each
metric, and a metric without such a line fails a test.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from shared.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One metric; `name` as queried in Prometheus, a histogram's without `_bucket` and so on."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str
    action: str


ACTIONS = {
    "stageline_http_requests_total": (
        "Watch the share of 5xx by service; a rise of 4xx on one route is a caller's mistake."
    ),
    "stageline_http_request_duration_seconds": (
        "p99 by route. On ingest it is the event log's acknowledgement, on the api it is Postgres."
    ),
    "stageline_ingest_events_accepted_total": ("At zero, look at refusals, keys and the senders."),
    "stageline_ingest_events_refused_total": (
        "Look here first when a sender misses events; the code says what to repair at the sender."
    ),
    "stageline_ingest_events_dropped_total": (
        "Their senders get a success. Many `no_consent` after a release of a site: its"
        " consent banner and the source's rule name categories differently."
    ),
    "stageline_ingest_ignored_ids_total": (
        "A sender fills an id before it knows it: `stageline tail` shows which; the events live on by"
        " their other names."
    ),
    "stageline_ingest_remarks_total": (
        "`join_withheld`: a page tries to join known people or accounts, which its source does not allow;"
        " `stageline tail` shows the events. Many at once may be an attack with the page's key."
    ),
    "stageline_ingest_requests_turned_away_total": (
        "Senders retry after a 429 or 503 for some hours: raise the limit or resume the"
        " source before that. `origin_not_allowed`: a page is missing among the allowed origins."
    ),
    "stageline_ingest_unavailable_total": (
        "The event log is slow or away; senders retry, so repair it before their queues are full."
    ),
    "stageline_ingest_auth_failures_total": (
        "A sender has a wrong or revoked key and loses its events: find it, give it a new key."
    ),
    "stageline_ingest_clock_corrected_total": (
        "A few are normal; many mean that senders' clocks are wrong and times are estimates."
    ),
    "stageline_ingest_webhooks_unmapped_total": (
        "Subscribe to less at the provider, or write a mapping and let `stageline source replay` put"
        " them through it: docs/mapping.md."
    ),
    "stageline_ingest_source_events_lost_total": (
        "No event is lost by it, only what `stageline tail` shows. `database`: Postgres is away."
    ),
    "stageline_stager_duplicates_with_other_content_total": (
        "Above zero: a sender gives one `message_id` to two events, and the second is lost. `stageline tail` "
        "names them; the sender must use other ids or `message_id_scope`: docs/touchpoints.md."
    ),
    "stageline_stager_events_total": (
        "Any `dead` needs a look: `stageline dlq list`. Many `duplicate` mean that a sender repeats."
        " `erased`: requests to erase a person, and records of erased people. `retracted`: requests to take"
        " events back, and records of such events."
    ),
    "stageline_stager_transitions_total": (
        "At zero while events are applied: the map's rules do not fit the event names that come."
    ),
    "stageline_stager_refolds_total": (
        "`late` costs time on long histories; many of them mean that a source delivers late."
    ),
    "stageline_stager_refolded_touchpoints_total": (
        "Divided by the re-folds: above some thousands, late events change how long histories went on."
    ),
    "stageline_stager_batch_records": (
        "Near its limit all the time, the stager is behind: add partitions and stagers."
    ),
    "stageline_stager_batch_duration_seconds": (
        "Grows when Postgres is slow; look at its disk, locks and vacuum."
    ),
    "stageline_stager_event_age_seconds": (
        "The age of an event when a stage shows it. Alert on its p99."
    ),
    "stageline_stager_lag_records": (
        "It grows while more records arrive than are applied; one partition alone means a hot account."
    ),
    "stageline_stager_retries_total": (
        "Transient faults; nothing is lost. If it lasts, check the part that `kind` names."
    ),
    "stageline_stager_alerts_opened_total": (
        "A jump of one kind is a change in customers' behaviour or in the map; look at the alerts."
    ),
    "stageline_stager_alerts_resolved_total": (
        "Far behind `opened` for long: the alerts are not followed up."
    ),
    "stageline_stager_last_poll_timestamp_seconds": (
        "More than a minute ago: the loop hangs; restart the stager and keep its log."
    ),
    "stageline_stager_identity_names_left": (
        "Each stager counts all of them, so take the largest. It falls while the job works; answers keep"
        " the former person of a name until then. `stageline identity progress` shows the same."
    ),
    "stageline_api_stage_population": "For reports: how many customers are in each stage.",
    "stageline_api_open_alerts": "For reports: alerts that are not resolved.",
}

_HEAD = """\
# Metrics

Made from shared/telemetry by `make docs`; a test compares. Every service answers `GET /metrics` in
Prometheus' text format and exposes the whole list; what a service does not count stays at zero.
Labels come from closed sets and never hold the id of a person, an account or a key.
A histogram is queried by its name with `_bucket`, `_sum` or `_count`. What alerts are made of them
stands in [monitoring.md](monitoring.md).

| name | type | labels | meaning | what to do about it |
| --- | --- | --- | --- | --- |
"""


def described() -> Iterator[Described]:
    """Every metric, in the order of the catalogue. Raises KeyError for one without an action."""
    for collector in vars(Metrics(CollectorRegistry())).values():
        if not isinstance(collector, MetricWrapperBase):
            continue
        (family,) = collector.describe()
        name = family.name + ("_total" if family.type == "counter" else "")
        yield Described(
            name=name,
            kind=family.type,
            labels=tuple(collector._labelnames),  # noqa: SLF001 - there is no public way to ask
            meaning=family.documentation,
            action=ACTIONS[name],
        )


def document() -> str:
    """Write docs/metrics.md."""
    rows = (
        f"| `{m.name}` | {m.kind} | {', '.join(f'`{label}`' for label in m.labels) or '-'} "
        f"| {m.meaning} | {m.action} |"
        for m in described()
    )
    return _HEAD + "\n".join(rows) + "\n"
