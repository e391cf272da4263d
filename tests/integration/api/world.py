"""An api on a real database with two workspaces in it, seeded as the stager would have left it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from sqlalchemy import text
from starlette.types import ASGIApp

from services.api.app import create_app
from services.api.context import ApiContext
from shared.clock import ManualClock
from shared.ids import DEFAULT_WORKSPACE, WorkspaceId
from shared.keys.principal import SCOPES_OF_KIND, Scope
from shared.keys.token import KeyKind
from shared.maps import parse
from shared.storage import journeys, keys
from tests.integration.api.rows import Rows
from tests.support.database import connected, owner_transaction
from tests.support.services import api_parts

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)

MAP = """\
journey: sales
title: Sales
subject: account
personas: [{key: technical, title: Technical}]
stages:
  - key: research
    title: Research
    job: understand the options
    owner: marketing
    content: {default: {banner: Read the guide}}
  - key: evaluation
    title: Evaluation
    job: prove ROI to the CFO
    owner: sales
    enter: {event: Demo Requested}
    content: {default: {banner: Book a call}, technical: {banner: Read the API}}
  - key: purchase
    title: Purchase
    owner: sales
    enter: {event: Order Completed}
outcomes:
  - {key: lost, title: Lost, kind: lost, when: {event: Deal Lost}}
"""

SHOP = """\
journey: shop
title: Shop
subject: person
stages:
  - {key: visit, title: Visit, owner: web}
  - {key: cart, title: Cart, owner: web, enter: {event: Product Added}}
"""

AWKWARD_IDS = (
    "a/b/c", "a b+c", "100%", "Zürich AG", "日本", "\U0001f600" * 512, "a?b=c&d", "x" * 512, "a%2Fb",
    "acme/history", "acme:acknowledge", "user/1", "history",
)  # fmt: skip
"""Valid ids that need percent-encoding or look like something else."""


@dataclass(kw_only=True)
class World(Rows):
    """The application of a test, its keys, and a connection of the owner to seed with."""

    app: ASGIApp
    api: ApiContext
    clock: ManualClock
    client: httpx.AsyncClient
    secret: str
    write: str
    foreign: str
    foreign_workspace: WorkspaceId
    database_url: str
    headers: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, key: str | None = None, **params: str) -> httpx.Response:
        """GET with the secret key, or with another."""
        return await self.client.get(
            path, params=params or None, headers=_bearer(key or self.secret)
        )

    async def post(
        self, path: str, content: bytes | str = b"", *, key: str | None = None, **headers: str
    ) -> httpx.Response:
        """POST with the secret key, or with another."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(
            path, content=content, headers={**_bearer(key or self.secret), **named}
        )

    async def key(self, *scopes: Scope, workspace_id: WorkspaceId = DEFAULT_WORKSPACE) -> str:
        """Create a key with the given scopes: of an operator if that is the kind that may hold them."""
        of_operators = SCOPES_OF_KIND[KeyKind.OPERATOR]
        is_operator = bool(scopes) and of_operators.issuperset(scopes)
        async with owner_transaction(self.database_url) as connection:
            made = await keys.create(
                connection,
                workspace_id=workspace_id,
                kind=KeyKind.OPERATOR if is_operator else KeyKind.SECRET,
                now=NOW,
                scopes=scopes or None,
            )
        return made.token

    async def publish(
        self, source: str, workspace_id: WorkspaceId = DEFAULT_WORKSPACE, *, now: datetime = NOW
    ) -> int:
        """Publish a map; the version."""
        async with owner_transaction(self.database_url) as connection:
            made = await journeys.publish(
                connection, workspace_id, parse(source), source, "seed", now
            )
        self.api.maps.invalidate_newest(workspace_id)
        return made.version


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@asynccontextmanager
async def api_world(database_url: str, **settings: Any) -> AsyncIterator[World]:
    """An api with the map `sales` in the default workspace and an empty second workspace."""
    clock = ManualClock(NOW)
    async with owner_transaction(database_url) as connection:
        foreign = WorkspaceId(
            (
                await connection.execute(
                    text("INSERT INTO workspace (name) VALUES ('other') RETURNING workspace_id")
                )
            ).scalar_one()
        )
        secret = await keys.create(
            connection, workspace_id=DEFAULT_WORKSPACE, kind=KeyKind.SECRET, now=NOW
        )
        write = await keys.create(
            connection, workspace_id=DEFAULT_WORKSPACE, kind=KeyKind.WRITE, now=NOW
        )
        other = await keys.create(connection, workspace_id=foreign, kind=KeyKind.SECRET, now=NOW)
        await journeys.publish(connection, DEFAULT_WORKSPACE, parse(MAP), MAP, "seed", NOW)
    async with api_parts(database_url, clock, **settings) as api, connected(database_url) as owner:
        app = create_app(api)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
            yield World(
                app=app,
                api=api,
                clock=clock,
                owner=owner,
                client=client,
                secret=secret.token,
                write=write.token,
                foreign=other.token,
                foreign_workspace=foreign,
                database_url=database_url,
            )
