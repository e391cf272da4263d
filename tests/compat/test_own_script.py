"""`/s.js` in a browser: nothing is stored or sent before consent, everything after it."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import Browser, Page

from shared.contracts.envelope import Campaign
from tests.compat import pages
from tests.compat.browser import Visit, site, visit
from tests.compat.service import Applied, Service
from tests.compat.snippets import snippet

STORED = "() => ({...localStorage, cookies: document.cookie, session: sessionStorage.length})"
NOTHING = {"cookies": "", "session": 0}


@asynccontextmanager
async def opened(
    service: Service, browser: Browser, folder: Path, *, attributes: str = "", calls: str = ""
) -> AsyncIterator[tuple[Page, Visit, str, list[str]]]:
    """The page with the tag of the docs; the visit, the run, and the calls that it makes to the service."""
    run = f"run{uuid4().hex}"
    tag = snippet("browser-line").text.replace("STAGELINE_URL", service.url)
    tag = tag.replace("STAGELINE_WRITE_KEY", service.write_key).replace(
        "defer", f"defer {attributes}"
    )
    content = {
        f"/{run}": f"{pages.EMPTY.replace('<!doctype html>', '<!doctype html><html lang=en>')}{tag}{calls}"
    }
    async with site(folder, content) as web, visit(browser) as person:
        sent: list[str] = []
        person.context.on(
            "request", lambda request: sent.append(request.url) if "/v1/" in request.url else None
        )
        page = await person.open(f"{web.url}/{run}?utm_source=mail&utm_campaign=spring")
        yield page, person, run, sent


async def test_before_an_answer_nothing_is_stored_and_nothing_is_sent(
    service: Service, browser: Browser, tmp_path: Path
) -> None:
    async with opened(service, browser, tmp_path) as (page, person, _, sent):
        assert await page.get_by_role("dialog").is_visible()
        assert await page.evaluate(STORED) == NOTHING
        assert sent == []
        assert person.console_errors == []


async def test_a_page_view_waits_for_a_yes_and_later_pages_do_not_ask(
    service: Service, browser: Browser, tmp_path: Path
) -> None:
    async with opened(service, browser, tmp_path) as (page, person, run, _):
        await page.get_by_role("button", name="Yes").click()
        first = await service.applied_at_least(1, run)
        await page.reload()
        second = await service.applied_at_least(2, run)
        kept = (await page.evaluate(STORED))["stageline"]

        assert await page.get_by_role("dialog").count() == 0
        assert person.console_errors == []
    assert _events(first) == ["Page Viewed"]
    assert re.fullmatch(r"[0-9a-f]{32}", kept)
    assert {each.envelope.anonymous_id for each in second} == {kept}
    assert first[0].envelope.campaign == Campaign(name="spring", source="mail")


async def test_after_a_no_only_the_no_is_stored_and_nothing_is_sent(
    service: Service, browser: Browser, tmp_path: Path
) -> None:
    async with opened(service, browser, tmp_path) as (page, _, _, sent):
        await page.get_by_role("button", name="No").click()
        await page.reload()
        await page.evaluate("stageline.track('Demo Requested')")

        assert await page.get_by_role("dialog").count() == 0
        assert await page.evaluate(STORED) == NOTHING | {"stageline": "no"}
        assert sent == []


async def test_a_consent_manager_answers_and_withdraws(
    service: Service, browser: Browser, tmp_path: Path
) -> None:
    async with opened(service, browser, tmp_path, attributes='data-consent="wait"') as (
        page, _, run, sent,
    ):  # fmt: skip
        await page.evaluate("stageline.track('Demo Requested', {path: location.pathname})")
        before = (await page.evaluate(STORED), list(sent))
        await page.evaluate("stageline.consent(true)")
        applied = await service.applied_at_least(2, run)
        await page.evaluate("stageline.consent(false)")
        count = len(sent)
        await page.evaluate("stageline.track('Demo Requested', {path: location.pathname})")

        assert before == (NOTHING, [])
        assert await page.evaluate(STORED) == NOTHING | {"stageline": "no"}
        assert len(sent) == count
    assert _events(applied) == ["Demo Requested", "Page Viewed"]
    assert applied[0].envelope.context is not None


async def test_global_privacy_control_is_a_no_without_a_question(
    service: Service, browser: Browser, tmp_path: Path
) -> None:
    signal = (
        "<script>Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})</script>"
    )
    async with opened(service, browser, tmp_path, calls=signal) as (page, _, _, sent):
        assert await page.get_by_role("dialog").count() == 0
        assert await page.evaluate(STORED) == NOTHING
        assert sent == []


async def test_calls_before_the_script_has_loaded_count(
    service: Service, browser: Browser, tmp_path: Path
) -> None:
    run = f"run{uuid4().hex}"
    text = snippet("browser-line-calls").text
    for shown, here in {
        "STAGELINE_URL": service.url,
        "STAGELINE_WRITE_KEY": service.write_key,
        "browser-": f"{run}-",
    }.items():
        text = text.replace(shown, here)
    async with site(tmp_path, {f"/{run}": pages.EMPTY + text}) as web, visit(browser) as person:
        await person.open(f"{web.url}/{run}")
        applied = await service.applied_at_least(3, run)

        assert person.console_errors == []
    assert _events(applied) == ["Demo Requested", "Page Viewed", "Person Identified"]


def _events(applied: list[Applied]) -> list[str]:
    return sorted(each.envelope.event for each in applied)


pytestmark = pytest.mark.timeout(180)
