"""RudderStack's browser SDK, as its package ships it, on a page of another origin."""

from pathlib import Path
from uuid import uuid4

from playwright.async_api import Browser

from tests.compat import pages
from tests.compat.browser import site, visit
from tests.compat.service import Service
from tests.compat.snippets import snippet

EVENTS = {"Page Viewed", "Person Identified", "Account Identified", "Demo Requested"}


def _shown(service: Service, run: str) -> str:
    text = snippet("browser-rudder").text
    for shown, here in {
        "STAGELINE_URL": service.url,
        "STAGELINE_WRITE_KEY": service.write_key,
        "browser-": f"{run}-",
        "/js/rudder.js": pages.RUDDER_FILE,
    }.items():
        text = text.replace(shown, here)
    return pages.EMPTY + text


async def test_a_page_tells_what_its_snippet_says(
    service: Service, browser: Browser, node_sdks: Path
) -> None:
    run = f"run{uuid4().hex}"

    async with site(node_sdks, {f"/{run}": _shown(service, run)}) as web, visit(browser) as person:
        await person.open(f"{web.url}/{run}")
        applied = await service.applied_at_least(len(EVENTS), run)

    assert person.console_errors == []
    assert {each.envelope.event for each in applied} == EVENTS
    assert f"{run}-acme" in {each.envelope.account_id for each in applied}


async def test_by_beacon_it_tells_the_last_things_while_the_page_is_left(
    service: Service, browser: Browser, node_sdks: Path
) -> None:
    run = f"run{uuid4().hex}"
    text = _shown(service, run).replace("{ configUrl", "{ useBeacon: true, configUrl")
    content = {f"/{run}": text, "/bye": pages.EMPTY}

    async with site(node_sdks, content) as web, visit(browser) as person:
        page = await person.open(f"{web.url}/{run}")
        await page.evaluate("new Promise((done) => analytics.ready(done))")
        await page.goto(f"{web.url}/bye")
        applied = await service.applied_at_least(len(EVENTS), run)

    assert person.console_errors == []
    assert {each.envelope.event for each in applied} == EVENTS
