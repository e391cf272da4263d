"""The script tag that lets a website send to Stageline."""

import msgspec


def snippet(*, base_url: str, write_key: str) -> str:
    """The tag: Segment's own script; `cdnURL` points it at the settings that ingest serves.

    The same as in docs/ways-in/browser.md, which a test runs in a browser.
    """
    load = msgspec.json.encode({"writeKey": write_key, "cdnURL": base_url}).decode()
    # A `<` in the JSON could close the script element.
    load = load.replace("<", "\\u003c")
    return f"""\
<!-- Serve this file yourself: dist/umd/index.js of the package @segment/analytics-next. -->
<script src="/js/analytics.js"></script>
<script>
  const analytics = AnalyticsNext.AnalyticsBrowser.load({load})
  analytics.page()
</script>"""
