"""Browser SDKs, unmodified, in a headless Chromium on a page of another origin than the service's."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import Browser, Page

from services.ingest.http.rejections import RequestRejected
from shared.sources.source import SourceKind, SourceSettings
from tests.compat import pages
from tests.compat.browser import site, visit
from tests.compat.pages import Delivery
from tests.compat.service import Applied, Service
from tests.compat.stories import Expected
from tests.compat.trouble import TOO_MANY, UNAVAILABLE, first_posts, proxied

_TOLERANCE = timedelta(seconds=2)
"""Less than an event waits that is refused and sent again."""

SEGMENT_CALLS = """
  call('page', () => analytics.page('Pricing', {plan: 'all'}))
  call('guide', () => analytics.track('Guide Downloaded', {guide: 'ROI'}))
  call('identify', () => analytics.identify('RUN-ann', {email: 'RUN@acme.example'}))
  call('group', () => analytics.group('RUN-acme', {name: 'Acme', seats: 12}))
  call('demo', () => analytics.track('Demo Requested', {seats: 12}))
"""
SEGMENT_LAST_CALL = "call('left', () => analytics.track('Page Left', {late: true}))"

POSTHOG_CALLS = """
  call('guide', () => posthog.capture('Guide Downloaded', {guide: 'ROI'}))
  call('identify', () => posthog.identify('RUN-ann', {email: 'RUN@acme.example'}))
  call('group', () => posthog.group('company', 'RUN-acme', {name: 'Acme', seats: 12}))
  call('demo', () => posthog.capture('Demo Requested', {seats: 12}))
"""
POSTHOG_LAST_CALL = "call('left', () => posthog.capture('Page Left', {late: true}))"


def expected(run: str) -> dict[str, Expected]:
    """What must come of the calls, by the names that the page gives them."""
    return {
        "page": Expected(
            type="page", event="Page Viewed", properties={"name": "Pricing", "plan": "all"}
        ),
        "guide": Expected(type="track", event="Guide Downloaded", properties={"guide": "ROI"}),
        "identify": Expected(
            type="identify", event="Person Identified", traits={"email": f"{run}@acme.example"}
        ),
        "group": Expected(
            type="group",
            event="Account Identified",
            account_traits={"name": "Acme", "seats": 12},
        ),
        "demo": Expected(type="track", event="Demo Requested", properties={"seats": 12}),
        "left": Expected(type="track", event="Page Left", properties={"late": True}),
    }


@pytest.mark.parametrize("delivery", ["standard", "batching"])
@pytest.mark.parametrize(
    "clock_seconds", [pytest.param(0, id="right clock"), pytest.param(-7_200, id="two hours slow")]
)
async def test_segment_events_up_to_leaving_the_page_are_applied_once(
    delivery: Delivery, clock_seconds: int, service: Service, browser: Browser, node_sdks: Path
) -> None:
    run = f"run{uuid4().hex}"
    with_sdk = partial(
        pages.segment, service=service.url, write_key=service.write_key, delivery=delivery
    )
    content = {
        f"/{run}/pricing": with_sdk(calls=SEGMENT_CALLS.replace("RUN", run)),
        f"/{run}/bye": pages.EMPTY,
        # What the SDK kept goes through its batch again there, and that page is not left.
        f"/{run}/next": with_sdk(calls="", batch_milliseconds=300),
    }
    async with (
        site(node_sdks, content) as web,
        visit(browser, clock_seconds=clock_seconds) as person,
    ):
        page = await person.open(f"{web.url}/{run}/pricing")
        await page.wait_for_function("analytics.instance !== undefined")
        called_at = await _leave(page, SEGMENT_LAST_CALL, f"{web.url}/{run}/bye", clock_seconds)
        # What was under way as the page went is kept by the SDK, and sent again from the next one.
        await person.open(f"{web.url}/{run}/next")
        applied = await service.applied_at_least(6, run)

    assert person.console_errors == []
    _assert_applied(service, run, applied, called_at)
    assert {each.person for each in applied} == {f"user:{run}-ann"}
    assert {each.subject for each in applied} == {f"{run}-acme"}


@pytest.mark.parametrize("delivery", ["standard", "batching"])
@pytest.mark.parametrize(
    "refusal", [pytest.param(UNAVAILABLE, id="503"), pytest.param(TOO_MANY, id="429")]
)
async def test_segment_events_that_were_refused_for_a_while_are_applied_once(
    delivery: Delivery,
    refusal: RequestRejected,
    service: Service,
    browser: Browser,
    node_sdks: Path,
) -> None:
    run = f"run{uuid4().hex}"
    async with proxied(service.port, first_posts(3, refusal)) as proxy:
        text = pages.segment(
            service=proxy.url,
            write_key=service.write_key,
            delivery=delivery,
            batch_milliseconds=300,
            calls=SEGMENT_CALLS.replace("RUN", run) + SEGMENT_LAST_CALL,
        )
        async with (
            site(node_sdks, {f"/{run}/pricing": text}) as web,
            visit(browser) as person,
        ):
            page = await person.open(f"{web.url}/{run}/pricing")
            applied = await service.applied_at_least(6, run)
            called_at = _right(await page.evaluate("calledAt"))
            failures = await page.evaluate("failures")

    assert proxy.faults == 3
    assert failures == []
    _assert_applied(service, run, applied, called_at)


async def test_a_key_bound_to_origins_takes_events_of_their_pages_and_of_no_other(
    service: Service, browser: Browser, node_sdks: Path
) -> None:
    runs = {"ours": f"run{uuid4().hex}", "theirs": f"run{uuid4().hex}"}
    async with (
        site(node_sdks, {}) as ours,
        site(node_sdks, {}) as theirs,
    ):
        write_key = await service.key_of_source(
            SourceKind.WEB, SourceSettings(allowed_origins=(ours.url,))
        )
        for web, run in ((theirs, runs["theirs"]), (ours, runs["ours"])):
            web.pages[f"/{run}/pricing"] = pages.segment(
                service=service.url,
                write_key=write_key,
                delivery="standard",
                calls=SEGMENT_CALLS.replace("RUN", run),
            )
        # Two persons: cookies know no ports. Both stay until it is known what became of each event.
        async with visit(browser) as stranger, visit(browser) as person:
            page = await stranger.open(f"{theirs.url}/{runs['theirs']}/pricing")
            await page.wait_for_function("failures.length === 5")
            page = await person.open(f"{ours.url}/{runs['ours']}/pricing")
            applied = await service.applied_at_least(5, runs["ours"])
            failures = await page.evaluate("failures")

    assert (len(applied), failures) == (5, [])
    assert await service.applied(runs["theirs"]) == []


async def test_segment_events_of_a_page_left_while_the_service_was_down_come_with_the_next_visit(
    service: Service, browser: Browser, node_sdks: Path
) -> None:
    run = f"run{uuid4().hex}"
    with_sdk = partial(
        pages.segment, service=service.url, write_key=service.write_key, delivery="standard"
    )
    content = {
        f"/{run}/pricing": with_sdk(calls=""),
        f"/{run}/bye": pages.EMPTY,
        f"/{run}/next": with_sdk(calls=""),
    }
    async with site(node_sdks, content) as web, visit(browser) as person:
        page = await person.open(f"{web.url}/{run}/pricing")
        await page.wait_for_function("analytics.instance !== undefined")
        await service.kill_ingest()
        try:
            await page.evaluate(f"() => {{ {SEGMENT_CALLS.replace('RUN', run)} }}")
            called_at = await _leave(page, SEGMENT_LAST_CALL, f"{web.url}/{run}/bye")
        finally:
            await service.start_ingest()
        await person.open(f"{web.url}/{run}/next")
        # Its own pauses between attempts, on a machine with other things to do.
        applied = await service.applied_at_least(6, run)

    _assert_applied(service, run, applied, called_at)


@pytest.mark.parametrize(
    "clock_seconds", [pytest.param(0, id="right clock"), pytest.param(-7_200, id="two hours slow")]
)
async def test_posthog_events_up_to_leaving_the_page_are_applied_once(
    clock_seconds: int, service: Service, browser: Browser, node_sdks: Path
) -> None:
    run = f"run{uuid4().hex}"
    content = {
        f"/{run}/pricing": pages.posthog(
            service=service.url,
            write_key=service.write_key,
            calls=POSTHOG_CALLS.replace("RUN", run),
        ),
        f"/{run}/bye": pages.EMPTY,
    }
    async with (
        site(node_sdks, content) as web,
        visit(browser, clock_seconds=clock_seconds) as person,
    ):
        page = await person.open(f"{web.url}/{run}/pricing")
        # It tracks the page itself by a timer, which this one cannot overtake.
        await page.evaluate("new Promise((done) => setTimeout(done, 10))")
        called_at = await _leave(page, POSTHOG_LAST_CALL, f"{web.url}/{run}/bye", clock_seconds)
        applied = await service.applied_at_least(6, run)

    assert person.console_errors == []
    _assert_applied(service, run, _without_own_events(applied), called_at)
    assert [each.envelope.event for each in applied].count("Page Viewed") == 1
    assert {each.person for each in applied} == {f"user:{run}-ann"}
    assert {each.subject for each in applied} == {f"{run}-acme"}


@pytest.mark.parametrize(
    "refusal", [pytest.param(UNAVAILABLE, id="503"), pytest.param(TOO_MANY, id="429")]
)
async def test_posthog_events_that_were_refused_for_a_while_are_applied_once(
    refusal: RequestRejected, service: Service, browser: Browser, node_sdks: Path
) -> None:
    run = f"run{uuid4().hex}"
    async with proxied(service.port, first_posts(2, refusal)) as proxy:
        text = pages.posthog(
            service=proxy.url,
            write_key=service.write_key,
            calls=POSTHOG_CALLS.replace("RUN", run) + POSTHOG_LAST_CALL,
        )
        async with (
            site(node_sdks, {f"/{run}/pricing": text}) as web,
            visit(browser) as person,
        ):
            page = await person.open(f"{web.url}/{run}/pricing")
            applied = await service.applied_at_least(6, run)
            called_at = _right(await page.evaluate("calledAt"))

    assert proxy.faults == 2
    _assert_applied(service, run, _without_own_events(applied), called_at)


def _without_own_events(applied: Sequence[Applied]) -> list[Applied]:
    """What was called for; the SDK tracks pages by itself."""
    return [
        each
        for each in applied
        if each.envelope.type != "page" and not each.envelope.event.startswith("$")
    ]


async def _leave(
    page: Page, last_call: str, url: str, clock_seconds: int = 0
) -> dict[str, datetime]:
    """Make one more call and go away once the SDK has it; instants of all calls by a right clock.

    "Has it" is what the call's own promise says, where there is one. analytics-next keeps an event
    that it takes from its queue in neither the queue nor the destination for one task (`setTimeout`
    in its event queue's `flushEvent`): a page that goes in that instant loses it inside the SDK.
    """
    script = f"async () => {{ await {last_call}; location.href = '{url}'; return calledAt }}"
    instants = await page.evaluate(script)
    await page.wait_for_url(url)
    return _right(instants, clock_seconds)


def _right(instants: dict[str, str], clock_seconds: int = 0) -> dict[str, datetime]:
    wrong = timedelta(seconds=clock_seconds)
    return {name: datetime.fromisoformat(text) - wrong for name, text in instants.items()}


def _assert_applied(
    service: Service, run: str, applied: Sequence[Applied], called_at: dict[str, datetime]
) -> None:
    left = list(applied)
    tolerance = service.pace.leeway(_TOLERANCE, since=min(called_at.values()))
    for name, happened_at in called_at.items():
        each = expected(run)[name]
        applied_event = next((one for one in left if each.matches(one.envelope)), None)
        assert applied_event is not None, (name, left)
        left.remove(applied_event)
        assert abs(applied_event.occurred_at - happened_at) < tolerance, (name, applied_event)
    assert left == []
    assert {"guide", "identify", "group", "demo", "left"} <= called_at.keys()
