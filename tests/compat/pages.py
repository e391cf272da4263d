"""Pages as a company would have them: the SDK's own file, its public options, and the calls."""

from typing import Literal

from msgspec import json

Delivery = Literal["standard", "batching"]

_HEAD = """<!doctype html>
<meta charset="utf-8"><title>Pricing</title><link rel="icon" href="data:,">
<script>
  window.calledAt = {}
  function call(name, make) { window.calledAt[name] = new Date().toISOString(); return make() }
</script>
"""

RUDDER_FILE = "/sdk/@rudderstack/analytics-js/dist/npm/modern/bundled/umd/index.js"

EMPTY = _HEAD
"""A page without an SDK."""


def segment(
    *,
    service: str,
    write_key: str,
    delivery: Delivery,
    calls: str,
    batch_milliseconds: int = 60_000,
) -> str:
    """A page with @segment/analytics-next; where to send it learns from the service's settings.

    `batch_milliseconds`: after which a batch is sent, if the page is not left before.
    """
    load = {"writeKey": write_key, "cdnURL": service}
    config = {"size": 50, "timeout": batch_milliseconds}
    strategy = {"deliveryStrategy": {"strategy": "batching", "config": config}}
    options = {"integrations": {"Segment.io": strategy if delivery == "batching" else {}}}
    return f"""{_HEAD}
<script src="/sdk/@segment/analytics-next/dist/umd/index.js"></script>
<script>
  window.failures = []
  const analytics = AnalyticsNext.AnalyticsBrowser.load({_js(load)}, {_js(options)})
  analytics.on('error', (error) => failures.push(String(error.reason || error.code)))
  {calls}
</script>"""


def posthog(*, service: str, write_key: str, calls: str) -> str:
    """A page with posthog-js, as its own documentation shows it."""
    return f"""{_HEAD}
<script src="/sdk/posthog-js/dist/array.full.js"></script>
<script>
  posthog.init({_js(write_key)}, {_js({"api_host": service})})
  {calls}
</script>"""


def rudder(*, service: str, write_key: str, calls: str) -> str:
    """A page with RudderStack's SDK; its settings come from the service, too."""
    return f"""{_HEAD}
<script src="{RUDDER_FILE}"></script>
<script>
  const analytics = new rudderanalytics.RudderAnalytics()
  analytics.load({_js(write_key)}, {_js(service)}, {_js({"configUrl": service})})
  {calls}
</script>"""


def _js(value: object) -> str:
    return json.encode(value).decode()
