"""The snippets of docs/ways-in/browser.md, in a browser, with the SDKs' own files."""

from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import Browser

from tests.compat import pages
from tests.compat.browser import site, visit
from tests.compat.service import Service
from tests.compat.snippets import snippet

FILES = {
    "/js/analytics.js": "/sdk/@segment/analytics-next/dist/umd/index.js",
    "/js/posthog.js": "/sdk/posthog-js/dist/array.js",
}


@pytest.mark.parametrize(
    ("name", "events"),
    [
        (
            "browser-segment",
            {"Page Viewed", "Person Identified", "Account Identified", "Demo Requested"},
        ),
        (
            "browser-posthog",
            {
                "Page Viewed",
                "Guide Downloaded",
                "Person Identified",
                "Account Identified",
                "Trial Started",
            },
        ),
        ("browser-plain", {"Page Viewed"}),
        ("browser-beacon", {"Page Left"}),
    ],
)
async def test_a_page_tells_what_its_snippet_says(
    name: str, events: set[str], service: Service, browser: Browser, node_sdks: Path
) -> None:
    run = f"run{uuid4().hex}"
    text = snippet(name).text
    for shown, here in {
        "STAGELINE_URL": service.url,
        "STAGELINE_WRITE_KEY": service.write_key,
        "browser-": f"{run}-",
        **FILES,
    }.items():
        text = text.replace(shown, here)
    content = {f"/{run}": pages.EMPTY + text, "/bye": pages.EMPTY}

    async with site(node_sdks, content) as web, visit(browser) as person:
        page = await person.open(f"{web.url}/{run}")
        if name == "browser-beacon":
            await page.goto(f"{web.url}/bye")
        applied = await service.applied_at_least(len(events), run)

    assert person.console_errors == []
    # posthog-js tracks clicks and leaving by itself, or not, as it takes the browser for a robot.
    assert {
        each.envelope.event for each in applied if not each.envelope.event.startswith("$")
    } == events
