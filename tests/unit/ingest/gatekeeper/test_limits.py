"""What a source may send: its rate, its quota of the day, and the answers above them, by HTTP."""

from datetime import timedelta

import httpx
import pytest

from services.ingest.gatekeeper.gatekeeper import Gatekeeper
from services.ingest.intake import Ingest
from services.ingest.limits import Limits
from services.ingest.settings import IngestSettings
from shared.clock import ManualClock
from shared.sources.source import (
    ConsentRule,
    DailyUsage,
    SourceKind,
    SourceSettings,
)
from tests.unit.ingest.conftest import NOW, FakeDatabase, ListLog
from tests.unit.ingest.gatekeeper.requests import CALL, NATIVE, SEGMENT, post, verdict


async def test_more_than_a_source_may_send_is_refused_with_the_time_to_wait(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog
) -> None:
    key = database.bind(SourceSettings(events_per_second=0.1, burst=10))

    first = await post(client, key, count=14)
    native = await post(client, key)
    segment = await client.post(SEGMENT, json=CALL, headers=key)

    assert first.status_code == 202
    assert first.headers["ratelimit-policy"] == '"default";q=10;w=100'
    # It holds ten, owes four, and gets one in ten seconds.
    assert first.headers["ratelimit"] == '"default";r=0;t=140'
    assert verdict(native) == verdict(segment) == (429, "rate_limited")
    assert len(event_log.records) == 14
    for answer in (native, segment):
        # Four are owed and one is needed, at one in ten seconds; these lines took time as well.
        wait = int(answer.headers["retry-after"])
        assert wait in (49, 50)
        assert answer.headers["ratelimit-policy"] == '"default";q=10;w=100'
        assert answer.headers["ratelimit"] == f'"default";r=0;t={wait}'
        assert answer.headers["x-ratelimit-reset"] == str(int(NOW.timestamp()) + wait)
        exposed = answer.headers["access-control-expose-headers"]
        assert {"retry-after", "ratelimit", "ratelimit-policy"} <= set(exposed.split(", "))


async def test_all_keys_of_a_source_share_its_limit_and_others_do_not(
    client: httpx.AsyncClient, database: FakeDatabase
) -> None:
    settings = SourceSettings(events_per_second=0.01, burst=1)
    one, two = database.bind(settings), database.bind(settings)
    other = database.bind(settings, source_id="other")

    answers = [await post(client, each) for each in (one, two, other)]

    assert [answer.status_code for answer in answers] == [202, 429, 202]


async def test_requests_without_any_event_cost_as_well(
    client: httpx.AsyncClient, database: FakeDatabase
) -> None:
    key = database.bind(SourceSettings(events_per_second=0.01, burst=2))

    answers = [await client.post(NATIVE, content=b"junk", headers=key) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [400, 400, 429]
    assert "ratelimit" in answers[0].headers


async def test_a_process_may_limit_keys_whose_source_does_not(
    client: httpx.AsyncClient, ingest: Ingest, database: FakeDatabase, bearer: dict[str, str]
) -> None:
    own = database.bind(SourceSettings(events_per_second=1_000.0))
    ingest.gatekeeper = Gatekeeper(ingest.sources, ingest.clock, Limits(events_per_second=0.01))

    keyless = [await post(client, bearer) for _ in range(2)]
    sourced = [await post(client, own) for _ in range(2)]

    assert [answer.status_code for answer in keyless] == [202, 429]
    assert [answer.status_code for answer in sourced] == [202, 202]


async def test_without_any_limit_nothing_is_said_of_one(
    client: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    answer = await post(client, bearer)

    assert answer.status_code == 202
    assert not {"ratelimit", "ratelimit-policy"} & set(answer.headers)


async def test_a_source_has_its_events_of_the_day_and_no_more(
    client: httpx.AsyncClient, ingest: Ingest, database: FakeDatabase, event_log: ListLog
) -> None:
    key = database.bind(SourceSettings(events_per_day=5))

    answers = [await post(client, key, count=3) for _ in range(3)]
    assert isinstance(ingest.clock, ManualClock)
    ingest.clock.advance(timedelta(days=1))
    tomorrow = await post(client, key)

    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert answers[2].json()["code"] == "quota_exceeded"
    assert answers[2].headers["retry-after"] == "3600"
    assert answers[2].headers["ratelimit-policy"] == '"daily";q=5;w=86400'
    assert answers[2].headers["ratelimit"] == '"daily";r=0;t=3600'
    assert tomorrow.status_code == 202
    assert len(event_log.records) == 7


async def test_what_other_processes_accepted_counts(
    client: httpx.AsyncClient, database: FakeDatabase
) -> None:
    key = database.bind(SourceSettings(events_per_day=5))
    database.usage["src"] = DailyUsage(NOW.date(), 5)

    assert verdict(await post(client, key)) == (429, "quota_exceeded")


async def test_what_is_refused_or_dropped_uses_up_no_quota(
    client: httpx.AsyncClient, database: FakeDatabase
) -> None:
    key = database.bind(SourceSettings(events_per_day=1, consent=ConsentRule(required=("ads",))))

    answers = [await post(client, key) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [202] * 3


@pytest.mark.parametrize(
    ("kind", "settings", "limits", "policy"),
    [
        (SourceKind.WEB, SourceSettings(), Limits(), '"default";q=1000;w=10'),
        (SourceKind.WEB, SourceSettings(burst=50), Limits(), '"default";q=50;w=1'),
        (SourceKind.WEB, SourceSettings(events_per_second=7), Limits(), '"default";q=70;w=10'),
        (SourceKind.WEB, SourceSettings(), Limits(events_per_second=2), '"default";q=20;w=10'),
        (SourceKind.WEB, SourceSettings(), Limits(web_events_per_second=3), '"default";q=30;w=10'),
        (SourceKind.WEB, SourceSettings(), Limits(web_events_per_second=None), None),
        (SourceKind.SERVER, SourceSettings(), Limits(), None),
    ],
)
async def test_a_source_of_browsers_has_a_rate_even_if_nothing_is_set(
    client: httpx.AsyncClient,
    ingest: Ingest,
    database: FakeDatabase,
    *,
    kind: SourceKind,
    settings: SourceSettings,
    limits: Limits,
    policy: str | None,
) -> None:
    key = database.bind(settings, kind=kind)
    ingest.gatekeeper = Gatekeeper(ingest.sources, ingest.clock, limits)

    answer = await post(client, key)

    assert answer.headers.get("ratelimit-policy") == policy


@pytest.mark.parametrize(
    ("kind", "settings", "limits", "expected"),
    [
        (SourceKind.WEB, SourceSettings(), Limits(), 429),
        (SourceKind.WEB, SourceSettings(events_per_day=2_000_000), Limits(), 202),
        (SourceKind.WEB, SourceSettings(), Limits(web_events_per_day=None), 202),
        (SourceKind.SERVER, SourceSettings(), Limits(), 202),
    ],
)
async def test_a_source_of_browsers_has_a_quota_even_if_nothing_is_set(
    client: httpx.AsyncClient,
    ingest: Ingest,
    database: FakeDatabase,
    *,
    kind: SourceKind,
    settings: SourceSettings,
    limits: Limits,
    expected: int,
) -> None:
    key = database.bind(settings, kind=kind)
    ingest.gatekeeper = Gatekeeper(ingest.sources, ingest.clock, limits)
    database.usage["src"] = DailyUsage(NOW.date(), 1_000_000)

    answer = await post(client, key)

    assert answer.status_code == expected


def test_zero_lifts_the_defaults_of_browsers() -> None:
    usual = IngestSettings.model_validate({"database_url": "postgresql://x"}).limits()
    lifted = IngestSettings.model_validate(
        {"database_url": "postgresql://x", "web_events_per_second": 0, "web_events_per_day": 0}
    ).limits()

    assert (usual.web_events_per_second, usual.web_events_per_day) == (100.0, 1_000_000)
    assert (lifted.web_events_per_second, lifted.web_events_per_day) == (None, None)
