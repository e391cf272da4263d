"""What to paste into a website so that it sends here."""

import msgspec

_VERSION = "1.84.3"
"""Of @segment/analytics-next: the one that the tests run in a browser."""


def snippet(*, base_url: str, write_key: str) -> str:
    """The tag: Segment's own script, told where to send by `cdnURL`, whose settings we serve."""
    load = msgspec.json.encode({"writeKey": write_key, "cdnURL": base_url}).decode()
    # Within a script element nothing may close it.
    load = load.replace("<", "\\u003c")
    return f"""\
<script src="https://cdn.jsdelivr.net/npm/@segment/analytics-next@{_VERSION}/dist/umd/index.js"></script>
<script>
  const analytics = AnalyticsNext.AnalyticsBrowser.load({load})
  analytics.page()
</script>"""
