"""CloudEvents as the CNCF's own SDK writes them: the same event in either mode counts once."""

from datetime import UTC, datetime
from uuid import uuid4

import httpx
from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from tests.compat.service import Service

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def deal(run: str, **more: object) -> CloudEvent:
    return CloudEvent(
        {
            "specversion": "1.0",
            "id": run,
            "source": "/crm deals/caf\u00e9",
            "type": "Deal Stage Changed",
            "time": AT,
            "accountid": f"{run}-acme 100%41",
            "userid": f"{run}-leah",
            **more,
        },
        {"stage": "contract", "note": 'caf\u00e9 "now"'},
    )


async def post(service: Service, message: HTTPMessage) -> None:
    async with httpx.AsyncClient(base_url=service.url) as client:
        answer = await client.post(
            "/v1/cloudevents",
            content=message.body,
            headers={**message.headers, "Authorization": f"Bearer {service.write_key}"},
        )
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "rejected": []})


async def test_the_sdks_events_come_in_by_either_mode_and_count_once(service: Service) -> None:
    run = f"run{uuid4().hex}"

    await post(service, to_binary_event(deal(run)))
    await post(service, to_structured_event(deal(run)))
    await post(service, to_binary_event(deal(run, datacontenttype="application/json")))

    (applied,) = await service.applied_at_least(1, run)
    assert (applied.subject, applied.person) == (f"{run}-acme 100%41", f"user:{run}-leah")
    assert applied.occurred_at == AT
    assert applied.envelope.event == "Deal Stage Changed"
    assert applied.envelope.properties == {"stage": "contract", "note": 'caf\u00e9 "now"'}
