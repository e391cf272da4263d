"""A running Stageline, and the ways into it: SDKs with a key, providers with a secret each."""

import base64
import hmac
import json
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from typing import Any
from urllib.parse import quote

import httpx

from services.standalone.compose import Settings, settings_from
from shared.ids import new_message_id
from tests.acceptance.identity.bodies import Step
from tests.support.eventually import eventually
from tests.support.services import Stack, overrides_of

PUBLIC_URL = "https://events.acme.example"
SECRET = "secret-of-all-the-providers"
ACCOUNT_PROPERTY = "our_account"
"""Property of CRM records that holds the account id, for the providers whose source reads one."""

_PROVIDERS = {
    "stripe": {},
    "pipedrive": {"account_id_property": ACCOUNT_PROPERTY},
    "salesforce": {"account_id_property": ACCOUNT_PROPERTY},
    "hubspot": {"account_id_property": ACCOUNT_PROPERTY},
}
"""HubSpot is the last: it accepts an empty delivery, which shows that ingest has all of them."""


class PublicStack(Stack):
    """A Stageline that knows by which address providers call it."""

    def settings(self) -> Settings:
        return settings_from(
            **overrides_of(self.database_url, self.log), public_base_url=PUBLIC_URL
        )


class Senders:
    """Sends steps, each by its way and under an id of its own."""

    def __init__(self, stack: Stack, log: str) -> None:
        self.stack = stack
        self.log = log
        """Name of its event log."""
        self._is_stuck = False
        """Cases that are not applied fail those that follow at once, and not each file after a minute."""
        self._sources: dict[str, str] = {}
        self._ways: dict[str, Callable[[dict[str, Any], str], Awaitable[httpx.Response]]] = {
            "native": self._native,
            "segment": self._segment,
            "posthog": self._posthog,
            "hubspot": self._hubspot,
            "stripe": self._stripe,
            "pipedrive": self._pipedrive,
            "salesforce": self._salesforce,
            "page native": self._page_native,
            "page segment": self._page_segment,
            "page posthog": self._page_posthog,
        }
        self._page_key = ""

    async def prepare(self) -> None:
        """Make a source with a secret for each provider, and wait until ingest has them."""
        for provider, settings in _PROVIDERS.items():
            made = await self.stack.read.post(
                "/v1/sources", json={"name": provider, "kind": provider, "settings": settings}
            )
            assert made.status_code == 201, made.text
            source_id = made.json()["source_id"]
            secret = await self.stack.read.post(
                f"/v1/sources/{source_id}/secrets", json={"value": SECRET}
            )
            assert secret.status_code == 201, secret.text
            self._sources[provider] = f"/v1/webhooks/{provider}/{source_id}"

        # Its defaults are those of a page, but for the age: stories happen long before they are sent.
        page = {"name": "page", "kind": "web", "settings": {"max_age_days": 36_500}}
        made = await self.stack.read.post("/v1/sources", json=page)
        key = await self.stack.read.post(f"/v1/sources/{made.json()['source_id']}/keys", json={})
        assert key.status_code == 201, key.text
        self._page_key = key.json()["key"]

        async def are_known() -> bool:
            return (await self._signed_for_hubspot([])).status_code == httpx.codes.OK

        await eventually(are_known)

    async def send(self, step: Step, step_id: str) -> None:
        """Send one step; nothing of it may be refused."""
        answer = await self._ways[step.way](step.body, step_id)
        assert answer.is_success, answer.text
        verdict = answer.json()
        self.stack.accepted += verdict["accepted"]
        assert not verdict["rejected"], answer.text

    async def send_refused(self, step: Step, step_id: str) -> None:
        """Send one step of which nothing may be accepted."""
        answer = await self._ways[step.way](step.body, step_id)
        verdict = answer.json()
        assert (verdict["accepted"], len(verdict["rejected"])) == (0, 1), answer.text

    async def state(
        self, kind: str, name: str, verb: str, other: str, statuses: AbstractSet[int]
    ) -> None:
        """Say as an operator that two people or accounts are one, or are not."""
        member = {"merge": "with", "unmerge": "from"}[verb]
        answer = await self.stack.read.post(
            f"/v1/{kind}/{quote(name, safe='')}:{verb}",
            json={member: other, "reason": "a case", "message_id": f"{verb}-{new_message_id()}"},
        )
        assert answer.status_code in statuses, answer.text
        self.stack.accepted += answer.status_code == httpx.codes.ACCEPTED

    async def erase(self, person: str) -> None:
        """Erase a person. A name that names nobody may be refused."""
        answer = await self.stack.read.post(f"/v1/people/{quote(person, safe='')}:erase", json={})
        assert answer.status_code in {202, 400, 422}, answer.text
        self.stack.accepted += answer.status_code == httpx.codes.ACCEPTED

    async def settled(self) -> None:
        """Wait until everything that the log has acknowledged is applied."""
        assert not self._is_stuck, "the stager has not applied an earlier case"
        self._is_stuck = True
        await self.stack.settled(every=0.01)
        self._is_stuck = False

    # -- with a key ------------------------------------------------------------------------------

    async def _native(self, body: dict[str, Any], step_id: str) -> httpx.Response:
        return await self.stack.read.post("/v1/touchpoints", json=[{**body, "message_id": step_id}])

    async def _segment(self, body: dict[str, Any], step_id: str) -> httpx.Response:
        return await self.stack.read.post(
            "/v1/batch",
            json={"batch": [{**body, "messageId": step_id}]},
            headers={"X-Strict-Mode": "1"},
        )

    async def _posthog(self, body: dict[str, Any], step_id: str) -> httpx.Response:
        key = self.stack.read.headers["Authorization"].removeprefix("Bearer ")
        return await self.stack.read.post(
            "/batch/",
            json={"api_key": key, "batch": [{**body, "uuid": step_id}]},
            headers={"X-Strict-Mode": "1"},
        )

    async def _page_native(self, body: dict[str, Any], step_id: str) -> httpx.Response:
        return await self.stack.write.post(
            "/v1/touchpoints",
            json=[{**body, "message_id": step_id}],
            headers={"Authorization": f"Bearer {self._page_key}"},
        )

    async def _page_segment(self, body: dict[str, Any], step_id: str) -> httpx.Response:
        return await self.stack.write.post(
            "/v1/batch",
            json={"batch": [{**body, "messageId": step_id}]},
            headers={"X-Strict-Mode": "1", "Authorization": f"Bearer {self._page_key}"},
        )

    async def _page_posthog(self, body: dict[str, Any], step_id: str) -> httpx.Response:
        return await self.stack.write.post(
            "/batch/",
            json={"api_key": self._page_key, "batch": [{**body, "uuid": step_id}]},
            headers={"X-Strict-Mode": "1", "Authorization": f"Bearer {self._page_key}"},
        )

    # -- with a secret ---------------------------------------------------------------------------

    async def _hubspot(self, body: dict[str, Any], step_id: str) -> httpx.Response:
        return await self._signed_for_hubspot([{**body, "eventId": step_id}])

    async def _signed_for_hubspot(self, changes: list[dict[str, Any]]) -> httpx.Response:
        path, body = self._sources["hubspot"], json.dumps(changes).encode()
        timestamp = str(int(self.stack.clock.now().timestamp() * 1000))
        content = b"POST" + f"{PUBLIC_URL}{path}".encode() + body + timestamp.encode()
        signature = base64.b64encode(hmac.digest(SECRET.encode(), content, "sha256")).decode()
        return await self.stack.write.post(
            path,
            content=body,
            headers={
                "X-HubSpot-Signature-v3": signature,
                "X-HubSpot-Request-Timestamp": timestamp,
            },
        )

    async def _stripe(self, body: dict[str, Any], step_id: str) -> httpx.Response:
        content = json.dumps({"id": f"evt_{step_id}", **body}).encode()
        now = int(self.stack.clock.now().timestamp())
        signature = hmac.new(SECRET.encode(), f"{now}.".encode() + content, "sha256").hexdigest()
        return await self.stack.write.post(
            self._sources["stripe"],
            content=content,
            headers={"Stripe-Signature": f"t={now},v1={signature}"},
        )

    async def _pipedrive(self, body: dict[str, Any], step_id: str) -> httpx.Response:
        named = {**body, "meta": {**body["meta"], "id": step_id}}
        return await self.stack.write.post(
            self._sources["pipedrive"], json=named, auth=("stageline", SECRET)
        )

    async def _salesforce(self, body: dict[str, Any], _step_id: str) -> httpx.Response:
        # The record and the time of its change are what names it.
        return await self.stack.write.post(
            self._sources["salesforce"], json=[body], headers={"X-Stageline-Secret": SECRET}
        )
