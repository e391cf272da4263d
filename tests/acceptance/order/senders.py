"""Ways in that take several events in one request, each in the words of its own protocol."""

import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from tests.support.eventually import eventually
from tests.support.services import Stack

WAYS = ("native", "ndjson", "segment", "rudder", "posthog", "cloudevents")

SECRET = "secret-of-a-provider"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One event of a request."""

    event: str
    message_id: str
    at: datetime | str | None = None
    """As the sender's clock has it; a text goes as it is. None: the event has no time."""
    user: str | None = None
    account: str | None = None
    """Where it is not the account of the request."""


class Senders:
    """Sends requests of several events, and knows a webhook of each provider."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._stripe = ""

    async def prepare(self) -> None:
        """Make a source of Stripe's webhooks, and wait until ingest has it."""
        made = await self.stack.read.post(
            "/v1/sources",
            json={
                "name": "stripe",
                "kind": "stripe",
                "settings": {"account_id_property": "account_id"},
            },
        )
        source_id = made.json()["source_id"]
        await self.stack.read.post(f"/v1/sources/{source_id}/secrets", json={"value": SECRET})
        self._stripe = f"/v1/webhooks/stripe/{source_id}"

        async def is_known() -> bool:
            answer = await self._sign_for_stripe({"id": "evt_none", "type": "plan.created"})
            self.stack.accepted += answer.is_success
            return answer.is_success

        await eventually(is_known)

    async def send(
        self,
        way: str,
        account: str,
        events: Sequence[Sent],
        *,
        sent_at: datetime | str | None = None,
        settle: bool = True,
    ) -> list[dict[str, Any]]:
        """Send all in one request; every one must be accepted. Returns the remarks on them."""
        post = getattr(self, f"_{way}")
        answer: httpx.Response = await post(account, events, _text(sent_at))
        assert answer.is_success, answer.text
        assert not answer.json().get("rejected"), answer.text
        self.stack.accepted += len(events)
        if settle:
            await self.stack.settled(every=0.01)
        remarks: list[dict[str, Any]] = answer.json().get("remarks", [])
        return remarks

    async def stripe(self, account: str, event_id: str, kind: str, created: datetime) -> None:
        """Deliver an event about the only subscription of an account."""
        subscription = {
            "object": "subscription",
            "id": f"sub-{account}",
            "customer": f"cus-{account}",
            "status": "canceled" if kind.endswith("deleted") else "active",
            "metadata": {"account_id": account},
        }
        answer = await self._sign_for_stripe(
            {
                "id": event_id,
                "type": kind,
                "created": int(created.timestamp()),
                "data": {"object": subscription},
            }
        )
        assert answer.json()["accepted"] == 1, answer.text
        self.stack.accepted += 1
        await self.stack.settled(every=0.01)

    async def _sign_for_stripe(self, body: dict[str, Any]) -> httpx.Response:
        content = json.dumps(body).encode()
        now = int(self.stack.clock.now().timestamp())
        signature = hmac.new(SECRET.encode(), f"{now}.".encode() + content, "sha256").hexdigest()
        return await self.stack.write.post(
            self._stripe, content=content, headers={"Stripe-Signature": f"t={now},v1={signature}"}
        )

    async def _native(
        self, account: str, events: Sequence[Sent], sent_at: str | None
    ) -> httpx.Response:
        items = [_native_item(account, each, sent_at) for each in events]
        return await self.stack.read.post("/v1/touchpoints", json=items)

    async def _ndjson(
        self, account: str, events: Sequence[Sent], sent_at: str | None
    ) -> httpx.Response:
        lines = [json.dumps(_native_item(account, each, sent_at)) for each in events]
        return await self.stack.read.post(
            "/v1/touchpoints",
            content="\n".join(lines),
            headers={"Content-Type": "application/x-ndjson"},
        )

    async def _segment(
        self, account: str, events: Sequence[Sent], sent_at: str | None
    ) -> httpx.Response:
        return await self.stack.read.post(
            "/v1/batch",
            json=_segment_batch(account, events, sent_at, "timestamp"),
            headers={"X-Strict-Mode": "1"},
        )

    async def _rudder(
        self, account: str, events: Sequence[Sent], sent_at: str | None
    ) -> httpx.Response:
        key = self.stack.write.headers["Authorization"].removeprefix("Bearer ")
        return await self.stack.write.post(
            "/beacon/v1/batch",
            params={"writeKey": key},
            json=_segment_batch(account, events, sent_at, "originalTimestamp"),
            headers={"X-Strict-Mode": "1"},
        )

    async def _posthog(
        self, account: str, events: Sequence[Sent], sent_at: str | None
    ) -> httpx.Response:
        key = self.stack.read.headers["Authorization"].removeprefix("Bearer ")
        batch = [
            _present(
                event=each.event,
                uuid=each.message_id,
                distinct_id=each.user or f"user-of-{account}",
                timestamp=_text(each.at),
                properties={"$groups": {"company": each.account or account}},
            )
            for each in events
        ]
        body = _present(api_key=key, batch=batch, sent_at=sent_at)
        return await self.stack.read.post("/batch/", json=body, headers={"X-Strict-Mode": "1"})

    async def _cloudevents(
        self, account: str, events: Sequence[Sent], _sent_at: str | None
    ) -> httpx.Response:
        items = [
            _present(
                specversion="1.0",
                id=each.message_id,
                source="/order",
                type=each.event,
                time=_text(each.at),
                accountid=each.account or account,
                userid=each.user,
            )
            for each in events
        ]
        return await self.stack.read.post(
            "/v1/cloudevents",
            content=json.dumps(items),
            headers={"Content-Type": "application/cloudevents-batch+json"},
        )


def _native_item(account: str, each: Sent, sent_at: str | None) -> dict[str, Any]:
    return _present(
        event=each.event,
        message_id=each.message_id,
        account_id=each.account or account,
        user_id=each.user,
        occurred_at=_text(each.at),
        sent_at=sent_at,
    )


def _segment_batch(
    account: str, events: Sequence[Sent], sent_at: str | None, time: str
) -> dict[str, Any]:
    items = [
        _present(
            type="track",
            event=each.event,
            messageId=each.message_id,
            userId=each.user or f"user-of-{account}",
            context={"groupId": each.account or account},
            **{time: _text(each.at)},
        )
        for each in events
    ]
    return _present(batch=items, sentAt=sent_at)


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _text(at: datetime | str | None) -> str | None:
    if isinstance(at, datetime):
        return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return at
