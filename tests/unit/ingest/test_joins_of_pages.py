"""A page's key joins a device with a person, and no two known people: every way in that an alias has."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from services.ingest.intake import Ingest
from services.ingest.recorder import Recorder
from services.stager.identity.names import event_names
from services.stager.identity.statements import StatementKind, statements_of
from shared.contracts.envelope import Envelope
from shared.sources.event import SourceEvent, SourceUsage
from shared.sources.settings_reader import new_settings
from shared.sources.source import SourceKind
from tests.unit.ingest.conftest import FakeDatabase, ListLog

UUID = "01a20393-ea82-77a0-a8aa-3550a7d5018a"
STRICT = {"X-Strict-Mode": "1"}

JOINING = {
    "two users": ("segment", {"userId": "new-5", "previousId": "old-5"}),
    "an address": ("segment", {"userId": "new-5", "previousId": "old@x.example"}),
    "a record": ("segment", {"userId": "new-5", "previousId": "hubspot:contact:8301"}),
    "two addresses": ("segment", {"userId": "new@x.example", "previousId": "old@x.example"}),
    "a beacon": ("beacon", {"userId": "new-5", "previousId": "old-5"}),
    "posthog's alias": ("posthog", ("$create_alias", "old-5", {"alias": "new-5"})),
    "posthog's alias of one signed in": (
        "posthog",
        ("$create_alias", "new-5", {"alias": "old-5", "$is_identified": True}),
    ),
    "posthog's merge": ("posthog", ("$merge_dangerously", "new-5", {"alias": "old-5"})),
}
"""Aliases that make two known people one, by the ways in that have them."""


def page(database: FakeDatabase, **written: object) -> str:
    """The key of a new source of a web page."""
    header = database.bind(new_settings(SourceKind.WEB, written))["Authorization"]
    return header.removeprefix("Bearer ")


async def send(client: httpx.AsyncClient, key: str, way: str, body: Any) -> httpx.Response:
    """Send an alias by one of the ways in, in strict mode."""
    match way:
        case "segment":
            basic = base64.b64encode(f"{key}:".encode()).decode()
            return await client.post(
                "/v1/alias", json=body, headers={"Authorization": f"Basic {basic}", **STRICT}
            )
        case "beacon":
            batch = {"batch": [{"type": "alias", **body}]}
            return await client.post(
                f"/beacon/v1/batch?writeKey={key}", content=json.dumps(batch), headers=STRICT
            )
        case _:
            event, distinct_id, properties = body
            one = {"event": event, "distinct_id": distinct_id, "properties": properties}
            return await client.post("/i/v0/e/", json={"api_key": key, **one}, headers=STRICT)


def joined(envelope: Envelope) -> set[tuple[StatementKind, str, str]]:
    """What the stager reads off an event about who is who."""
    statements = statements_of(event_names(envelope))
    return {(each.kind, each.name[1], each.other[1]) for each in statements}


@pytest.mark.parametrize(("way", "body"), JOINING.values(), ids=JOINING)
async def test_an_alias_by_the_key_of_a_page_joins_no_known_people(
    client: httpx.AsyncClient,
    database: FakeDatabase,
    event_log: ListLog,
    ingest: Ingest,
    *,
    way: str,
    body: Any,
) -> None:
    answer = await send(client, page(database), way, body)

    assert answer.status_code == 200, answer.text
    [remark] = answer.json()["remarks"]
    assert (remark["index"], remark["code"]) == (0, "join_withheld")
    [envelope] = event_log.envelopes
    assert (envelope.type, envelope.withheld) == ("alias", ["previous_id"])
    assert {kind for kind, *_ in joined(envelope)} <= {StatementKind.DEVICE}
    counted = ingest.metrics.registry.get_sample_value(
        "stageline_ingest_remarks_total", {"code": "join_withheld"}
    )
    assert counted == 1


@pytest.mark.parametrize(("way", "body"), JOINING.values(), ids=JOINING)
async def test_the_same_alias_joins_where_the_source_allows_it(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog, *, way: str, body: Any
) -> None:
    answer = await send(client, page(database, joins="keep"), way, body)

    assert "remarks" not in answer.json()
    [envelope] = event_log.envelopes
    assert envelope.withheld == []
    assert StatementKind.EXPLICIT in {kind for kind, *_ in joined(envelope)}


async def test_a_key_without_a_source_and_one_of_a_server_join_as_before(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog, bearer: dict[str, str]
) -> None:
    server = database.bind(new_settings(SourceKind.SERVER, {}), kind=SourceKind.SERVER)
    call = {"userId": "new-5", "previousId": "old-5"}

    for header in (bearer, server):
        await client.post("/v1/alias", json=call, headers=header)

    assert [each.withheld for each in event_log.envelopes] == [[], []]


@pytest.mark.parametrize(
    ("way", "body", "user"),
    [
        ("segment", {"userId": "leah", "previousId": "d-1", "anonymousId": "d-1"}, "leah"),
        ("segment", {"userId": "leah", "previousId": "d-1"}, "leah"),
        ("posthog", ("$create_alias", "d-1", {"alias": "leah", "$is_identified": False}), "leah"),
        ("posthog", ("$identify", "leah", {"$anon_distinct_id": "d-1"}), "leah"),
    ],
    ids=["segment with its device", "segment", "posthog's alias", "posthog's identify"],
)
async def test_what_browsers_really_send_identifies_the_device(
    client: httpx.AsyncClient,
    database: FakeDatabase,
    event_log: ListLog,
    *,
    way: str,
    body: Any,
    user: str,
) -> None:
    await send(client, page(database), way, body)

    [envelope] = event_log.envelopes
    assert joined(envelope) == {(StatementKind.DEVICE, f"user:{user}", "anonymous:d-1")}


async def test_no_remark_where_the_former_id_is_the_events_own_device(
    client: httpx.AsyncClient, database: FakeDatabase
) -> None:
    body = {"userId": "leah", "previousId": UUID, "anonymousId": UUID}

    answer = await send(client, page(database), "segment", body)

    assert answer.json() == {"success": True, "accepted": 1, "dropped": 0, "rejected": []}


@pytest.mark.parametrize("way", ["native", "beacon", "cloudevent"])
async def test_a_record_does_not_become_an_account_by_the_key_of_a_page(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog, *, way: str
) -> None:
    key = page(database)
    names = {"account_id": "rival", "account_external_id": "hubspot:company:701"}
    touchpoint = {"event": "Page Viewed", "user_id": "u", **names}
    header = {"Authorization": f"Bearer {key}"}

    match way:
        case "native":
            answer = await client.post("/v1/touchpoints", json=touchpoint, headers=header)
        case "beacon":
            wrapped = {"write_key": key, "touchpoints": [touchpoint]}
            answer = await client.post("/v1/beacon", content=json.dumps(wrapped))
        case _:
            attributes = {"specversion": "1.0", "id": "1", "source": "/s"}
            body = {**attributes, "type": "stageline.touchpoint.v1", "data": touchpoint}
            kind = {"Content-Type": "application/cloudevents+json"}
            answer = await client.post(
                "/v1/cloudevents", content=json.dumps(body), headers={**header, **kind}
            )

    assert answer.status_code < 300, answer.text
    [envelope] = event_log.envelopes
    assert (envelope.account_id, envelope.account_external_id) == ("rival", None)
    assert envelope.withheld == ["account_external_id"]
    assert joined(envelope) == set()
    if way == "native":
        [remark] = answer.json()["remarks"]
        assert (remark["code"], "account_external_id" in remark["detail"]) == (
            "join_withheld",
            True,
        )


@pytest.mark.parametrize(
    "names",
    [
        {"account_id": "acme", "user_id": "u"},
        {"account_external_id": "hubspot:company:701", "user_id": "u"},
        {"external_id": "hubspot:contact:1", "email": "a@x.example"},
    ],
)
async def test_any_other_event_of_a_page_stays_as_it_is(
    client: httpx.AsyncClient, database: FakeDatabase, event_log: ListLog, names: dict[str, str]
) -> None:
    header = {"Authorization": f"Bearer {page(database)}"}

    answer = await client.post("/v1/touchpoints", json={"event": "A", **names}, headers=header)

    assert answer.json() == {"accepted": 1, "rejected": []}
    [envelope] = event_log.envelopes
    assert {field: getattr(envelope, field) for field in names} == names
    assert envelope.withheld == []


@pytest.mark.parametrize(
    ("names", "is_remarked"),
    [
        ({"anonymousId": "d-2", "previousId": "d-1"}, True),
        ({"anonymousId": "d-2", "previousId": "a@x.example"}, False),
        ({"anonymousId": "d-2", "previousId": "hubspot:contact:1"}, False),
        ({"anonymousId": "d-2", "userId": "u", "previousId": "d-1"}, False),
        ({"userId": "a@x.example", "previousId": "d-1"}, False),
    ],
)
async def test_an_alias_of_two_devices_is_remarked_by_any_key(
    client: httpx.AsyncClient, bearer: dict[str, str], names: dict[str, str], *, is_remarked: bool
) -> None:
    answer = await client.post("/v1/alias", json=names, headers={**bearer, **STRICT})

    codes = [each["code"] for each in answer.json().get("remarks", [])]
    assert codes == ["alias_of_devices"] * is_remarked


async def test_the_live_view_shows_a_remark(
    client: httpx.AsyncClient, database: FakeDatabase, ingest: Ingest
) -> None:
    shown: list[SourceEvent] = []

    async def write(events: Sequence[SourceEvent], _: Sequence[SourceUsage]) -> None:
        shown.extend(events)

    ingest.accounting.recorder = recorder = Recorder(write, ingest.metrics)

    await send(client, page(database), "segment", {"userId": "new-5", "previousId": "old-5"})
    await recorder.flush()

    [event] = shown
    assert (event.outcome, event.code) == ("accepted", "join_withheld")
    assert "old-5" not in (event.detail or "")
