"""What to paste into a website so that it sends here."""

import msgspec


def snippet(*, base_url: str, write_key: str) -> str:
    """The tag: Segment's own script, told where to send by `cdnURL`, whose settings we serve.

    As docs/ways-in/browser.md has it, where a test runs it in a browser.
    """
    load = msgspec.json.encode({"writeKey": write_key, "cdnURL": base_url}).decode()
    # Within a script element nothing may close it.
    load = load.replace("<", "\\u003c")
    return f"""\
<!-- Serve this file yourself: dist/umd/index.js of the package @segment/analytics-next. -->
<script src="/js/analytics.js"></script>
<script>
  const analytics = AnalyticsNext.AnalyticsBrowser.load({load})
  analytics.page()
</script>"""
