"""Every metric of Stageline, typed in one place; docs/metrics.md repeats this list (tested).

Names are `stageline_<service>_<thing>_<unit>`; labels come from closed sets and never hold an id of a
person, an account or a key. One `Metrics` is built per process and handed down.
"""

from collections.abc import Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

_HTTP_SECONDS: Sequence[float] = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
)  # fmt: skip
_AGE_SECONDS: Sequence[float] = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3600)
_BATCH_RECORDS: Sequence[float] = (1, 5, 10, 50, 100, 250, 500, 1000, 2000, 4000)

VERDICTS = ("applied", "duplicate", "dead", "erased")
"""Results of a record of the log."""


class Metrics:
    """The catalogue, bound to one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register every metric with `registry`."""
        self.registry = registry

        # Every service: requests by route template, never by path.
        self.http_requests = Counter(
            "stageline_http_requests_total",
            "Requests answered, by service, route template, method and status code.",
            ["service", "route", "method", "status"],
            registry=registry,
        )
        self.http_request_seconds = Histogram(
            "stageline_http_request_duration_seconds",
            "Time from the first byte of a request to the last of its answer.",
            ["service", "route"],
            buckets=_HTTP_SECONDS,
            registry=registry,
        )

        # Ingest.
        self.ingest_accepted = Counter(
            "stageline_ingest_events_accepted_total",
            "Events acknowledged by the event log, by route.",
            ["route"],
            registry=registry,
        )
        self.ingest_refused = Counter(
            "stageline_ingest_events_refused_total",
            "Events refused, by reason code.",
            ["code"],
            registry=registry,
        )
        self.ingest_dropped = Counter(
            "stageline_ingest_events_dropped_total",
            "Events not kept out of respect for a person, by reason: suppressed or no_consent.",
            ["reason"],
            registry=registry,
        )
        self.ingest_ignored_ids = Counter(
            "stageline_ingest_ignored_ids_total",
            "Ids left out of accepted events because they name nobody, such as `undefined`, by field.",
            ["field"],
            registry=registry,
        )
        self.ingest_remarks = Counter(
            "stageline_ingest_remarks_total",
            "Accepted events that say less than their sender may expect, by code of the remark.",
            ["code"],
            registry=registry,
        )
        self.ingest_turned_away = Counter(
            "stageline_ingest_requests_turned_away_total",
            "Requests of known keys of which nothing was stored, by the code of their problem.",
            ["code"],
            registry=registry,
        )
        self.ingest_unavailable = Counter(
            "stageline_ingest_unavailable_total",
            "Requests answered 503 because the event log did not acknowledge in time.",
            registry=registry,
        )
        self.ingest_auth_failures = Counter(
            "stageline_ingest_auth_failures_total",
            "Requests with a missing, unknown, revoked or wrong key; SDKs drop these events.",
            ["reason"],
            registry=registry,
        )
        self.ingest_clock_corrected = Counter(
            "stageline_ingest_clock_corrected_total",
            "Events whose time was corrected from sent_at or clamped to the present.",
            ["how"],
            registry=registry,
        )
        self.ingest_webhooks_unmapped = Counter(
            "stageline_ingest_webhooks_unmapped_total",
            "Items of webhooks that no mapping knows, kept as dead letters, by provider.",
            ["provider"],
            registry=registry,
        )
        self.ingest_source_events_lost = Counter(
            "stageline_ingest_source_events_lost_total",
            "Rows of the live debugger that were not kept, by reason: full or database.",
            ["reason"],
            registry=registry,
        )

        # Stager: accepted = applied + duplicate + dead + erased, at all times.
        self.stager_events = Counter(
            "stageline_stager_events_total",
            "Records read from the log, by verdict: applied, duplicate, dead, erased or retracted.",
            ["verdict"],
            registry=registry,
        )
        for verdict in VERDICTS:
            # Each series exists before the first record, or an alert on an increase would miss the first one.
            self.stager_events.labels(verdict)
        self.stager_other_content = Counter(
            "stageline_stager_duplicates_with_other_content_total",
            "Duplicates that say something else than the event whose message id they have.",
            registry=registry,
        )
        self.stager_transitions = Counter(
            "stageline_stager_transitions_total",
            "Stage transitions written, by kind.",
            ["kind"],
            registry=registry,
        )
        self.stager_refolds = Counter(
            "stageline_stager_refolds_total",
            "Histories re-folded, by reason: late, merge, map or erase.",
            ["reason"],
            registry=registry,
        )
        self.stager_refolded_touchpoints = Counter(
            "stageline_stager_refolded_touchpoints_total",
            "Touchpoints that re-folds read and folded again.",
            registry=registry,
        )
        self.stager_batch_records = Histogram(
            "stageline_stager_batch_records",
            "Records in one transaction.",
            buckets=_BATCH_RECORDS,
            registry=registry,
        )
        self.stager_batch_seconds = Histogram(
            "stageline_stager_batch_duration_seconds",
            "Time from a batch's first decode to its commit.",
            buckets=_HTTP_SECONDS,
            registry=registry,
        )
        self.stager_event_age_seconds = Histogram(
            "stageline_stager_event_age_seconds",
            "Age at commit, from the instant that ingest received the event.",
            buckets=_AGE_SECONDS,
            registry=registry,
        )
        self.stager_lag_records = Gauge(
            "stageline_stager_lag_records",
            "Records in the log that are not applied yet, by partition.",
            ["partition"],
            registry=registry,
        )
        self.stager_retries = Counter(
            "stageline_stager_retries_total",
            "Batches tried again after a transient fault, by kind.",
            ["kind"],
            registry=registry,
        )
        self.stager_alerts_opened = Counter(
            "stageline_stager_alerts_opened_total",
            "Alerts opened, by kind.",
            ["kind"],
            registry=registry,
        )
        self.stager_alerts_resolved = Counter(
            "stageline_stager_alerts_resolved_total",
            "Alerts resolved by the stager, by kind.",
            ["kind"],
            registry=registry,
        )
        self.stager_last_poll_timestamp = Gauge(
            "stageline_stager_last_poll_timestamp_seconds",
            "Unix time at which the consumer loop last polled the log.",
            registry=registry,
        )
        self.stager_identity_names_left = Gauge(
            "stageline_stager_identity_names_left",
            "Names that wait to be resolved again, after an upgrade or by `stageline identity"
            " resolve-again`, counted once a minute.",
            registry=registry,
        )

        # Api: read from Postgres at scrape time, at most every few seconds.
        self.api_subjects_in_stage = Gauge(
            "stageline_api_stage_population",
            "Subjects in each stage, by journey, stage and status.",
            ["journey", "stage", "status"],
            registry=registry,
        )
        self.api_open_alerts = Gauge(
            "stageline_api_open_alerts",
            "Alerts that are open or acknowledged, by journey and kind.",
            ["journey", "kind"],
            registry=registry,
        )


def of_process() -> Metrics:
    """The catalogue of a process, with the metrics of the interpreter beside it."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return Metrics(registry)
