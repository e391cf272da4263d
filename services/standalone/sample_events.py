"""The sample of `make run`: a year of touchpoints of forty invented companies, sent through ingest.

Message ids are fixed and dates count from an anchor that is stored at the first run, so sending the
sample again changes nothing.
"""

import asyncio
import itertools
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from shared.errors import TransientError

_FILE = Path(__file__).with_name("sample_journeys.yaml")
_BATCH = 50
_ATTEMPTS = 20
_PAUSE_SECONDS = 0.5
_OPENS_AT, _WORKDAY_SECONDS = 8, 8 * 3600

Event = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One invented company, and the day on which its story begins."""

    id: str
    name: str
    industry: str
    employees: int
    days_ago: int
    story: str


class Sample:
    """The journeys of the bundled file."""

    def __init__(self, path: Path = _FILE) -> None:
        content = yaml.safe_load(path.read_text("utf-8"))
        self._stories: dict[str, list[list[Any]]] = content["stories"]
        self._titles: dict[str, list[str]] = content["people"]
        self._given: list[str] = content["given_names"]
        self._family: list[str] = content["family_names"]
        self.accounts = tuple(
            Account(
                id=row[0],
                name=row[1],
                industry=row[2],
                employees=row[3],
                days_ago=row[4],
                story=row[5],
            )
            for row in content["accounts"]
        )

    def events(self, anchor: datetime) -> list[Event]:
        """Every touchpoint up to `anchor`, oldest first. The same anchor gives the same events."""
        events = itertools.chain.from_iterable(
            self._events_of(account, anchor) for account in self.accounts
        )
        return sorted(events, key=lambda event: (event["occurred_at"], event["message_id"]))

    def _events_of(self, account: Account, anchor: datetime) -> Iterator[Event]:
        # Seeded by the account's id: dates vary between accounts and are the same in every run.
        chance = random.Random(account.id)  # noqa: S311 - spreads sample dates, guards nothing
        began_at = anchor.replace(hour=_OPENS_AT, minute=0) - timedelta(days=account.days_ago)
        moment = began_at
        for number, step in enumerate(self._stories[account.story], start=1):
            day, who, event, channel = step[:4]
            more: Event = dict(step[4]) if len(step) > 4 else {}  # noqa: PLR2004 - the fifth entry
            shift = timedelta(seconds=chance.uniform(0, _WORKDAY_SECONDS))
            # Steps stay in the order of the story.
            moment = max(moment + timedelta(minutes=3), began_at + timedelta(days=day) + shift)
            if moment > anchor:
                return
            yield {
                "message_id": f"sample-{account.id}-{number}",
                "event": event,
                "occurred_at": moment.isoformat(),
                "channel": channel,
                **self._acting(account, who, is_known=more.pop("known", False), number=number),
                **more,
            }

    def _acting(self, account: Account, who: str, *, is_known: bool, number: int) -> Event:
        visitor = {"anonymous_id": f"visitor-{account.id}"}
        if who == "visitor" and not is_known:
            return visitor
        role = "champion" if who == "visitor" else who
        chance = random.Random(f"{account.id}/{role}")  # noqa: S311 - picks a made-up name
        given, family = chance.choice(self._given), chance.choice(self._family)
        handle = f"{given}.{family}".lower()
        acting: Event = {
            "account_id": account.id,
            "user_id": f"{handle}@{account.id}",
            "email": f"{handle}@{account.id}.example",
            "role": role,
            "traits": {"name": f"{given} {family}", "title": chance.choice(self._titles[role])},
        }
        if is_known:
            acting |= visitor
        if is_known or number == 1:
            acting["account_traits"] = {
                "name": account.name,
                "industry": account.industry,
                "employees": account.employees,
            }
        return acting


async def play(
    events: Sequence[Event], *, base_url: str, key: str, show_progress: bool | None = None
) -> None:
    """Send the events to ingest over HTTP, in batches; safe to repeat.

    `key` is a secret key: the sample tells of contracts and of the past, which no write key may.
    Raises TransientError when ingest keeps refusing, httpx.HTTPError when it answers wrongly.
    """
    show = sys.stderr.isatty() if show_progress is None else show_progress
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        disable=not show,
    )
    headers = {"Authorization": f"Bearer {key}"}
    with bar:
        task = bar.add_task("Playing the sample journeys", total=len(events))
        async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=30) as client:
            for start in range(0, len(events), _BATCH):
                batch = events[start : start + _BATCH]
                await _send(client, batch)
                bar.advance(task, len(batch))


async def _send(client: httpx.AsyncClient, batch: Sequence[Event]) -> None:
    for _ in range(_ATTEMPTS):
        response = await client.post("/v1/touchpoints", json=list(batch))
        if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            response.raise_for_status()
            if rejected := response.json()["rejected"]:
                raise ValueError(f"ingest refused sample events: {rejected}")
            return
        await asyncio.sleep(_PAUSE_SECONDS)
    raise TransientError("ingest did not take the sample journeys; start again to play the rest")
