"""First start of a folder: two keys, a source, and a year of sample journeys with their map."""

import asyncio
from datetime import datetime
from pathlib import Path
from time import monotonic

import httpx
from sqlalchemy.ext.asyncio import AsyncConnection

from services.standalone import credentials, sample_events
from services.standalone.credentials import Credentials
from services.standalone.home import SampleRecord
from shared import maps
from shared.ids import DEFAULT_WORKSPACE
from shared.keys import token as tokens
from shared.keys.principal import SCOPES_OF_KIND, StoredKey
from shared.keys.token import KeyKind
from shared.maps import templates
from shared.sources.settings_reader import new_settings
from shared.sources.source import KINDS_WITH_KEYS, Source, SourceKind, SourceSettings
from shared.storage import journeys, keys, source_changes
from shared.storage.connect import DatabaseRole, create_engine

_APPLIED_SECONDS = 20.0
_LABEL = "made at the first start"
WEBSITE = "website"
"""Source of the folder's write key."""
_WEBSITE_SETTINGS = new_settings(SourceKind.WEB, {})
_MADE_OPEN = SourceSettings(joins="drop")
"""Settings that an earlier version made, as they are read; it did not know `joins`."""


async def bootstrap(
    database_url: str,
    home: Path,
    *,
    base_url: str,
    api_url: str = "",
    operator_url: str = "",
    now: datetime,
    map_name: str | None = templates.DEFAULT,
) -> Credentials:
    """Create valid keys and publish a template map, where they are missing; safe to repeat.

    `map_name` None publishes none. A template that was retired stays retired.
    `operator_url`: the database's address as it may be written down for operator commands.
    """
    engine = create_engine(
        database_url, role=DatabaseRole.OWNER, application_name="stageline-standalone"
    )
    try:
        async with engine.begin() as connection:
            if map_name is not None:
                await _publish_ready(connection, map_name, now)
            previous = credentials.read(home)
            stored = {
                key.key_id: key for key in await keys.list_keys(connection, DEFAULT_WORKSPACE)
            }
            made = Credentials(
                base_url=base_url,
                write_key=await _write_key(
                    connection, stored, previous.write_key if previous else "", now
                ),
                secret_key=await _valid_token(
                    connection, stored, previous.secret_key if previous else "", KeyKind.SECRET, now
                ),
                database_url=operator_url,
                api_url=api_url,
            )
            # Inside the transaction: if the file cannot be written, the keys are rolled back.
            credentials.write(home, made)
    finally:
        await engine.dispose()
    return made


async def play_sample(target: Credentials, home: Path, now: datetime) -> int:
    """Send the sample journeys, unless that was done before; returns the number of events sent."""
    record = SampleRecord(home)
    sample = sample_events.Sample()
    if record.is_played and await _has_stage(target, sample.accounts[0].id):
        return 0
    events = sample.events(record.anchor(now))
    await sample_events.play(events, base_url=target.base_url, key=target.secret_key)
    record.played()
    # Events without an account belong to visitors, who have no stage of an account.
    await _applied(target, sorted({each["account_id"] for each in events if "account_id" in each}))
    return len(events)


async def _applied(target: Credentials, account_ids: list[str]) -> None:
    """Wait until every account has a stage, so that the first query returns one; at most 20 s."""
    headers = {"Authorization": f"Bearer {target.secret_key}"}
    question = {"subjects": [{"account_id": account_id} for account_id in account_ids]}
    end = monotonic() + _APPLIED_SECONDS
    async with httpx.AsyncClient(base_url=target.read_url, headers=headers) as client:
        while monotonic() < end:
            answer = await client.post("/v1/stage:batch", json=question)
            answer.raise_for_status()
            if not any(item.get("error") for item in answer.json()["items"]):
                return
            await asyncio.sleep(0.1)


async def _has_stage(target: Credentials, account_id: str) -> bool:
    headers = {"Authorization": f"Bearer {target.secret_key}"}
    async with httpx.AsyncClient(base_url=target.read_url, headers=headers) as client:
        answer = await client.get("/v1/stage", params={"account_id": account_id})
    return answer.status_code == httpx.codes.OK


async def has_journey(target: Credentials) -> bool:
    """Whether a journey is in force: without one, no account has a stage."""
    headers = {"Authorization": f"Bearer {target.secret_key}"}
    async with httpx.AsyncClient(base_url=target.read_url, headers=headers) as client:
        answer = await client.get("/v1/journeys")
    answer.raise_for_status()
    return bool(answer.json()["items"])


async def _publish_ready(connection: AsyncConnection, name: str, now: datetime) -> None:
    if await journeys.get(connection, DEFAULT_WORKSPACE, name) is not None:
        return
    source = templates.read(name)
    await journeys.publish(
        connection, DEFAULT_WORKSPACE, maps.parse(source), source, "stageline", now
    )


async def _write_key(
    connection: AsyncConnection, stored: dict[str, StoredKey], token: str, now: datetime
) -> str:
    """A write key of the source `website`, so that `stageline tail website` shows its events."""
    token_in_use = await _valid_token(connection, stored, token, KeyKind.WRITE, now)
    website = await source_changes.by_name(connection, DEFAULT_WORKSPACE, WEBSITE)
    if website is not None and website.kind is SourceKind.WEB:
        await _close(connection, website)
    parsed = tokens.parse(token_in_use)
    key = stored.get(parsed.key_id) if parsed else None
    if parsed is None or (key is not None and key.source_id is not None):
        return token_in_use
    if website is None:
        website = await source_changes.create(
            connection,
            workspace_id=DEFAULT_WORKSPACE,
            name=WEBSITE,
            kind=SourceKind.WEB,
            settings=_WEBSITE_SETTINGS,
            now=now,
        )
    if website.kind in KINDS_WITH_KEYS:
        await keys.bind(connection, DEFAULT_WORKSPACE, parsed.key_id, website.source_id)
    return token_in_use


async def _close(connection: AsyncConnection, website: Source) -> None:
    """Give a website that an earlier version made open, and that nobody has configured, the defaults.

    A source that was opened on purpose differs from both: its age has a bound.
    """
    if website.settings == _MADE_OPEN:
        await source_changes.change(
            connection,
            DEFAULT_WORKSPACE,
            website.source_id,
            name=website.name,
            settings=_WEBSITE_SETTINGS,
        )


async def _valid_token(
    connection: AsyncConnection,
    stored: dict[str, StoredKey],
    token: str,
    kind: KeyKind,
    now: datetime,
) -> str:
    """`token` while it is valid, else a new one."""
    parsed = tokens.parse(token)
    key = stored.get(parsed.key_id) if parsed else None
    if parsed and key and key.kind is kind and key.revoked_at is None:
        is_fresh = key.expires_at is None or key.expires_at > now
        # A key of an earlier version lacks the scopes that were added since.
        is_fresh = is_fresh and key.scopes >= SCOPES_OF_KIND[kind]
        if is_fresh and tokens.matches(parsed, key.secret_hash):
            return token
    made = await keys.create(
        connection, workspace_id=DEFAULT_WORKSPACE, kind=kind, now=now, label=_LABEL
    )
    return made.token
