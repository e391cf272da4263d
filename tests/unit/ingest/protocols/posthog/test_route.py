"""PostHog's capture calls over HTTP: every form of body, the key in every place, answers and errors."""

import base64
import gzip
import json
import zlib
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from services.ingest.intake import Ingest
from services.ingest.protocols.posthog.route import CAPTURES, EVENTS
from shared.keys.token import KeyKind, NewKey
from tests.unit.ingest.conftest import FakeDatabase, ListLog

OK = (200, {"status": "Ok"})
LEAH = {"event": "Demo Requested", "distinct_id": "leah"}
BROWSERS = ("/e/", "/i/v0/e/", "/capture/", "/track/")


def body(key: NewKey, **more: Any) -> dict[str, Any]:
    return {"api_key": key.token, "batch": [LEAH], **more}


@pytest.mark.parametrize("path", CAPTURES)
async def test_every_path_takes_every_form_of_body(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog, path: str
) -> None:
    single = {"api_key": write_key.token, **LEAH}
    forms = [single, [single, single], body(write_key, batch=[LEAH, LEAH, LEAH])]

    answers = [await client.post(path, json=form) for form in forms]

    assert [(answer.status_code, answer.json()) for answer in answers] == [OK] * 3
    assert [envelope.event for envelope in event_log.envelopes] == ["Demo Requested"] * 6


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("form", ["gzip", "deflate", "sniffed", "form", "form of gzip", "bare"])
async def test_a_body_may_be_wrapped_in_every_way_of_the_sdks(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog, form: str
) -> None:
    text = json.dumps(body(write_key)).encode()
    packed = gzip.compress(text)
    content, headers, query = {
        "gzip": (packed, {"Content-Encoding": "gzip"}, ""),
        "deflate": (zlib.compress(text), {"Content-Encoding": "deflate"}, ""),
        "sniffed": (packed, {"Content-Type": "text/plain"}, "?compression=gzip-js"),
        "form": (
            f"data={quote(base64_of(text), safe='')}".encode(),
            {"Content-Type": "application/x-www-form-urlencoded"},
            "?compression=base64&ip=1",
        ),
        "form of gzip": (f"ip=1&data={base64_of(packed)}&v=1".encode(), {}, ""),
        "bare": (base64.urlsafe_b64encode(text).rstrip(b"="), {}, "?compression=base64"),
    }[form]

    answer = await client.post(f"/e/{query}", content=content, headers=headers)

    assert (answer.status_code, answer.json()) == OK
    assert [envelope.user_id for envelope in event_log.envelopes] == ["leah"]


@pytest.mark.parametrize(
    "place",
    ["api_key", "token", "of the event", "token of its properties", "query", "bearer"],
)
async def test_the_key_stands_in_any_place_of_the_sdks(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog, place: str
) -> None:
    token = write_key.token
    sent, query, headers = {
        "api_key": ({"api_key": token, "batch": [LEAH]}, "", {}),
        "token": ({"token": token, "batch": [LEAH]}, "", {}),
        "of the event": ([{"token": token, **LEAH}], "", {}),
        "token of its properties": ([{**LEAH, "properties": {"token": token}}], "", {}),
        "query": ([LEAH], f"?token={token}", {}),
        "bearer": ([LEAH], "", {"Authorization": f"Bearer {token}"}),
    }[place]

    answer = await client.post(f"/e/{query}", json=sent, headers=headers)

    assert (answer.status_code, answer.json()) == OK
    assert [envelope.properties for envelope in event_log.envelopes] == [{}]


@pytest.mark.parametrize("place", ["bearer", "query"])
async def test_a_property_that_is_called_like_the_key_is_the_senders_own(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog, place: str
) -> None:
    """Else two of different values would refuse their whole batch."""
    sent = [{**LEAH, "properties": {"token": token}} for token in ("card-1", "card-2")]
    query = f"?api_key={write_key.token}" if place == "query" else ""
    headers = {"Authorization": f"Bearer {write_key.token}"} if place == "bearer" else {}

    answer = await client.post(f"{EVENTS[0]}{query}", json={"batch": sent}, headers=headers)

    assert answer.status_code == 200
    assert [each.properties["token"] for each in event_log.envelopes] == ["card-1", "card-2"]


async def test_events_of_one_request_come_by_one_key(
    client: httpx.AsyncClient, write_key: NewKey, database: FakeDatabase, event_log: ListLog
) -> None:
    other = database.put(KeyKind.WRITE)
    sent = [{**LEAH, "token": write_key.token}, {**LEAH, "token": other.token}]

    answer = await client.post("/e/", json=sent)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_batch")
    assert not event_log.records


@pytest.mark.parametrize(
    ("query", "sent_at"),
    [
        ("", "2026-03-01T14:00:00Z"),
        ("?sent_at=2026-03-01T14:00:00Z", None),
        ("?_=1772373600000", None),
        ("?sent_at=1772373600000&ver=1.2.3", None),
    ],
)
async def test_a_wrong_clock_is_corrected_by_the_time_of_sending(
    client: httpx.AsyncClient,
    write_key: NewKey,
    event_log: ListLog,
    query: str,
    sent_at: str | None,
) -> None:
    event = {**LEAH, "timestamp": "2026-03-01T13:59:00Z"}  # two hours fast, sent a minute later

    await client.post(f"/e/{query}", json=body(write_key, batch=[event], sent_at=sent_at))

    [envelope] = event_log.envelopes
    assert envelope.occurred_at.isoformat() == "2026-03-01T11:59:00+00:00"
    assert envelope.original_timestamp == "2026-03-01T13:59:00Z"


@pytest.mark.parametrize("query", ["?_=" + "9" * 5000, "?_=x", "?sent_at=%F0%9F%98%80"])
async def test_a_time_of_sending_that_is_none_corrects_nothing(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog, query: str
) -> None:
    event = {**LEAH, "timestamp": "2026-03-01T11:00:00Z"}

    answer = await client.post(f"/e/{query}", json=body(write_key, batch=[event]))

    assert answer.status_code == 200
    assert event_log.envelopes[0].occurred_at.isoformat() == "2026-03-01T11:00:00+00:00"


async def test_what_is_wrong_with_an_event_refuses_it_alone_and_is_counted(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog, ingest: Ingest
) -> None:
    text = (
        rb'{"api_key":"%b","batch":[{"event":"A","distinct_id":"leah"},'
        rb'{"event":"B","distinct_id":"leah","properties":{"x":"\ud800"}},'
        rb'{"event":"C","distinct_id":"leah","properties":{"x":1e400}},'
        rb'{"event":"D","distinct_id":"leah","properties":{"x":"\u0000"}},'
        rb'{"event":"E","distinct_id":" "},{"distinct_id":"leah"},7,'
        rb'{"event":"F","distinct_id":"leah","properties":{"x":%b}},'
        rb'{"event":"G","distinct_id":"leah","properties":{"x":%b1%b}},'
        rb'{"event":"H","distinct_id":"leah"}]}'
    ) % (write_key.token.encode(), b'"' + b"y" * 40_000 + b'"', b"[" * 70, b"]" * 70)

    answer = await client.post("/batch/", content=text)

    assert (answer.status_code, answer.json()) == OK
    assert [envelope.event for envelope in event_log.envelopes] == ["A", "H"]
    assert _refused(ingest) == {
        "invalid_unicode": 2,
        "number_out_of_range": 1,
        "missing_identity": 1,
        "missing_event": 1,
        "not_an_object": 1,
        "event_too_large": 1,
        "too_deep": 1,
    }


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (rb'"\ud800"', "invalid_unicode"),
        (rb'"\u0000"', "invalid_unicode"),
        (b"NaN", "number_out_of_range"),
        (b"-Infinity", "number_out_of_range"),
        (b"1e400", "number_out_of_range"),
    ],
)
async def test_an_event_that_cannot_be_stored_is_refused_alone_and_by_its_id(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog, value: bytes, code: str
) -> None:
    """One kind of fault in a body, that no other draws attention to it; absent means stored."""
    text = (
        rb'{"batch":[{"event":"A","distinct_id":"leah","uuid":"1","properties":{"x":%b}},'
        rb'{"event":"B","distinct_id":"leah","uuid":"2"}]}'
    ) % value
    headers = {"Authorization": f"Bearer {write_key.token}"}

    answer = await client.post(EVENTS[0], content=text, headers=headers)

    verdicts = {"1": {"result": "drop", "details": code}, "2": {"result": "ok"}}
    assert (answer.status_code, answer.json()) == (200, {"results": verdicts})
    assert [envelope.event for envelope in event_log.envelopes] == ["B"]


async def test_a_strict_request_is_answered_with_the_verdict_of_each_event(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog
) -> None:
    sent = body(write_key, batch=[LEAH, {"event": "B", "distinct_id": ""}])

    bad = await client.post("/batch/", json=sent, headers={"X-Strict-Mode": "1"})
    good = await client.post("/batch/", json=body(write_key), headers={"X-Strict-Mode": "1"})

    assert (bad.status_code, good.status_code) == (400, 200)
    assert (bad.json()["accepted"], good.json()["accepted"]) == (1, 1)
    assert [(each["index"], each["code"]) for each in bad.json()["rejected"]] == [
        (1, "missing_identity")
    ]
    assert len(event_log.records) == 2


@pytest.mark.parametrize("path", EVENTS)
async def test_the_newest_call_has_a_verdict_for_each_event(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog, path: str
) -> None:
    sent = {
        "created_at": "2026-03-01T14:00:00Z",
        "batch": [
            {**LEAH, "uuid": "u-1", "timestamp": "2026-03-01T13:59:00Z", "options": {}},
            {"event": "B", "distinct_id": "", "uuid": "u-2"},
            {"event": "C", "distinct_id": "leah"},
        ],
    }

    answer = await client.post(
        path,
        json=sent,
        headers={
            "Authorization": f"Bearer {write_key.token}",
            "PostHog-Sdk-Info": "posthog-python/7.91.1",
            "PostHog-Request-Timestamp": "2026-03-01T14:00:00+00:00",
        },
    )

    assert answer.status_code == 200
    assert answer.json() == {
        "results": {
            "u-1": {"result": "ok"},
            "u-2": {"result": "drop", "details": "missing_identity"},
        }
    }
    first, second = event_log.envelopes
    assert first.context == {"library": {"name": "posthog-python", "version": "7.91.1"}}
    assert first.occurred_at.isoformat() == "2026-03-01T11:59:00+00:00"
    assert second.event == "C"


async def test_errors_have_the_form_that_the_sdks_read(
    client: httpx.AsyncClient,
    write_key: NewKey,
    event_log: ListLog,
    database: FakeDatabase,
    ingest: Ingest,
) -> None:
    sent, key = body(write_key), write_key.token.encode()
    too_large = b'{"batch":[' + b" " * ingest.limits.max_capture_bytes + b"]}"
    answers = {
        "wrong key": await client.post("/batch/", json={**sent, "api_key": "phc_nobody"}),
        "no key": await client.post("/batch/", json={"batch": [LEAH]}),
        "bad json": await client.post("/batch/", content=b'{"api_key":"%b"' % key),
        "empty": await client.post(f"/batch/?api_key={write_key.token}", content=b""),
        "text": await client.post("/batch/", content=b"hello, %b" % key),
        "keyless bad json": await client.post("/batch/", content=b"{"),
        "no batch": await client.post("/batch/", json={**sent, "batch": 7}),
        "too many": await client.post("/batch/", json=body(write_key, batch=[LEAH] * 2501)),
        "too large": await client.post("/batch/", content=too_large),
        "bad form": await client.post("/e/", content=b"data=%00%00"),
        "short form": await client.post("/e/", content=b"data=a"),
        "cut gzip": await client.post("/e/", content=gzip.compress(b"{}")[:-4]),
        "zstd": await client.post("/batch/", content=b"x", headers={"Content-Encoding": "zstd"}),
        "bad query": await client.post("/e/?" + "&".join("abcdefgh" * 20), json=sent),
    }
    event_log.is_away = True
    answers["no log"] = await client.post("/batch/", json=sent)
    database.is_away = True
    unknown = f"sl_wk_0123456789ab_{'0' * 48}"
    answers["no keys"] = await client.post("/batch/", json={**sent, "api_key": unknown})

    assert {
        name: (answer.status_code, answer.json()["code"]) for name, answer in answers.items()
    } == {
        "wrong key": (401, "unauthenticated"),
        "no key": (401, "unauthenticated"),
        "bad json": (400, "malformed_json"),
        "empty": (400, "empty_body"),
        "text": (400, "malformed_json"),
        "keyless bad json": (401, "unauthenticated"),
        "no batch": (400, "invalid_batch"),
        "too many": (413, "too_many_events"),
        "too large": (413, "body_too_large"),
        "bad form": (400, "broken_encoding"),
        "short form": (400, "broken_encoding"),
        "cut gzip": (400, "broken_encoding"),
        "zstd": (415, "unsupported_encoding"),
        "bad query": (400, "invalid_query"),
        "no log": (503, "log_unavailable"),
        "no keys": (503, "keys_unavailable"),
    }
    assert all(set(answer.json()) == {"code", "detail"} for answer in answers.values())
    assert [answers[name].headers["retry-after"] for name in ("no log", "no keys")] == ["2", "2"]
    assert not event_log.records


async def _slowly() -> Any:
    yield b"{"
    import asyncio  # noqa: PLC0415

    await asyncio.sleep(1)
    yield b"}"


@pytest.mark.parametrize(
    ("path", "status"), [("/batch/", 408), *((path, 503) for path in BROWSERS)]
)
async def test_a_browser_never_gets_4xx_for_what_it_should_send_again(
    client: httpx.AsyncClient, path: str, status: int
) -> None:
    answer = await client.post(path, content=_slowly())

    assert (answer.status_code, answer.json()["code"]) == (status, "body_timeout")


async def test_a_batch_of_the_servers_sdks_is_accepted_where_the_native_call_accepts_less(
    client: httpx.AsyncClient, write_key: NewKey, event_log: ListLog
) -> None:
    events = [{**LEAH, "properties": {"x": "y" * 20_000}} for _ in range(100)]

    posthog = await client.post("/batch/", json=body(write_key, batch=events))
    native = await client.post(
        "/v1/touchpoints", json=events, headers={"Authorization": f"Bearer {write_key.token}"}
    )

    assert (posthog.status_code, native.status_code) == (200, 413)
    assert len(event_log.records) == 100


@pytest.mark.parametrize("path", [*CAPTURES, *EVENTS])
async def test_a_page_may_send_whatever_headers_it_likes(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.options(
        path,
        headers={
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type, x-of-our-proxy",
        },
    )

    allowed = answer.headers["access-control-allow-headers"].split(", ")
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, "*")
    assert {"authorization", "content-type", "*"} <= set(allowed)


async def test_another_method_is_not_allowed(client: httpx.AsyncClient) -> None:
    answer = await client.get("/e/")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")


def _refused(ingest: Ingest) -> dict[str, int]:
    return {
        sample.labels["code"]: int(sample.value)
        for metric in ingest.metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "stageline_ingest_events_refused_total" and sample.value
    }
