"""Rows as the stager and the people behind a workspace leave them, for the api to read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from shared.contracts.envelope import encode
from shared.ids import DEFAULT_WORKSPACE, WorkspaceId
from tests.support import touchpoints
from tests.support.database import Connection


def at(text_: str) -> datetime:
    """An instant of March 2026 from `DD HH:MM`, UTC."""
    day, time = text_.split(" ")
    hour, minute = time.split(":")
    return datetime(2026, 3, int(day), int(hour), int(minute), tzinfo=UTC)


@dataclass(kw_only=True)
class Rows:
    """A connection of the owner to seed with; each method writes one row."""

    owner: Connection

    async def subject(
        self,
        subject_id: str,
        *,
        workspace_id: WorkspaceId = DEFAULT_WORKSPACE,
        merged_into: str | None = None,
        states: bytes = b"{}",
        traits: Mapping[str, Any] | None = None,
        value: float | None = None,
        touchpoints: int = 1,
    ) -> None:
        """A subject row."""
        await self.insert(
            "subject",
            workspace_id=workspace_id,
            subject_id=subject_id,
            version=1,
            touchpoints=touchpoints,
            last_occurred_at=at("04 16:12"),
            last_message_id="m-1",
            processed_at=at("04 16:13"),
            states=states,
            account_traits=json.dumps(traits or {}),
            value=value,
            merged_into=merged_into,
        )

    async def placement(
        self,
        subject_id: str,
        *,
        workspace_id: WorkspaceId = DEFAULT_WORKSPACE,
        journey: str = "sales",
        map_version: int = 1,
        status: str = "active",
        stage: str | None = "evaluation",
        outcome: str | None = None,
        cycle: int = 1,
        version: int = 3,
        entered_at: datetime | None = None,
        stalled_at: datetime | None = None,
    ) -> None:
        """A placement row."""
        await self.insert(
            "placement",
            workspace_id=workspace_id,
            subject_id=subject_id,
            journey=journey,
            map_version=map_version,
            status=status,
            stage=stage,
            outcome=outcome,
            cycle=cycle,
            entered_at=entered_at or at("02 09:30"),
            stalled_at=stalled_at,
            milestones=json.dumps({"demo": "2026-03-02T09:30:00Z"}),
            version=version,
            processed_at=at("02 09:31"),
        )

    async def account(self, subject_id: str, **placement: Any) -> None:
        """Rows of an account that is on a stage."""
        workspace_id = placement.get("workspace_id", DEFAULT_WORKSPACE)
        await self.subject(subject_id, workspace_id=workspace_id)
        await self.placement(subject_id, **placement)

    async def name(
        self,
        identifier: str,
        *,
        subject_id: str,
        person_id: str | None = None,
        users: Sequence[tuple[str, str, str]] = (),
        accounts: Sequence[tuple[str, str, str]] = (),
        left: Sequence[str] = (),
        workspace_id: WorkspaceId = DEFAULT_WORKSPACE,
    ) -> None:
        """An identifier row. Of timelines each entry is (instant, message id, name or account).

        `left`: message ids of the entries by which an account was left.
        """
        await self.insert(
            "identifier",
            workspace_id=workspace_id,
            identifier=identifier,
            person_id=person_id or identifier,
            subject_id=subject_id,
            version=1,
            users=_timeline(users, left),
            accounts=_timeline(accounts, left),
        )

    async def statement(
        self,
        kind: str,
        name: str,
        other: str,
        *,
        occurred: str,
        message_id: str,
        workspace_id: WorkspaceId = DEFAULT_WORKSPACE,
    ) -> None:
        """A row of what an event says about two names."""
        await self.insert(
            "identity_statement",
            workspace_id=workspace_id,
            kind=kind,
            name=name,
            other=other,
            slot=message_id if kind in {"explicit", "unmerge"} else "",
            occurred_at=at(occurred),
            message_id=message_id,
        )

    async def member(
        self, subject_id: str, person_id: str, *, role: str | None = None, seen: str = "01 08:00"
    ) -> None:
        """A member row."""
        await self.insert(
            "member",
            workspace_id=DEFAULT_WORKSPACE,
            subject_id=subject_id,
            person_id=person_id,
            role=role,
            traits=json.dumps({"name": person_id}),
            first_seen_at=at(seen),
        )

    async def touchpoint(
        self,
        subject_id: str,
        message_id: str,
        *,
        occurred: str,
        event: str = "Page Viewed",
        person_id: str | None = None,
        **fields: Any,
    ) -> None:
        """A touchpoint row, its envelope as ingest writes it."""
        envelope = touchpoints.event(
            event, at(occurred), message_id=message_id, account_id=subject_id, **fields
        )
        await self.insert(
            "touchpoint",
            workspace_id=DEFAULT_WORKSPACE,
            message_id=message_id,
            subject_id=subject_id,
            person_id=person_id,
            occurred_at=at(occurred),
            processed_at=at(occurred),
            envelope=encode(envelope).decode(),
        )

    async def transition(
        self,
        subject_id: str,
        sequence: int,
        *,
        occurred: str,
        from_stage: str | None,
        to_stage: str | None,
        dwell_seconds: float | None,
        kind: str = "advance",
        journey: str = "sales",
        message_id: str | None = None,
        event: str | None = None,
        timer: str | None = None,
        outcome: str | None = None,
        superseded: str | None = None,
    ) -> None:
        """A transition row."""
        await self.insert(
            "transition",
            workspace_id=DEFAULT_WORKSPACE,
            subject_id=subject_id,
            journey=journey,
            sequence=sequence,
            kind=kind,
            from_stage=from_stage,
            to_stage=to_stage,
            outcome=outcome,
            cycle=1,
            occurred_at=at(occurred),
            processed_at=at(occurred),
            dwell_seconds=dwell_seconds,
            cause_message_id=message_id,
            cause_event=event,
            cause_timer=timer,
            rule=f"stages.{to_stage}.enter",
            map_version=1,
            superseded_at=at(superseded) if superseded else None,
        )

    async def alert(
        self,
        alert_id: str,
        *,
        subject_id: str = "acme",
        workspace_id: WorkspaceId = DEFAULT_WORKSPACE,
        state: str = "open",
        kind: str = "stall",
        journey: str = "sales",
        owner: str | None = "sales",
        opened: str = "09 10:00",
        resolution: str | None = None,
    ) -> None:
        """An alert row."""
        await self.insert(
            "alert",
            workspace_id=workspace_id,
            alert_id=UUID(alert_id),
            kind=kind,
            severity="warning",
            state=state,
            subject_id=subject_id,
            journey=journey,
            stage="evaluation",
            cycle=1,
            visit_entered_at=at(opened),
            owner=owner,
            opened_at=at(opened),
            resolved_at=at(opened) if state == "resolved" else None,
            resolution=resolution,
            last_touchpoint=json.dumps({"message_id": "m-1", "event": "Pricing Viewed"}),
            value_at_risk=12000.0,
            evidence=json.dumps({"stall_after_seconds": 1209600}),
            summary="acme has been in Evaluation for 14 days",
        )

    async def source(self, source_id: str, *, kind: str = "web") -> None:
        """A source row, named as its id."""
        await self.insert(
            "source",
            workspace_id=DEFAULT_WORKSPACE,
            source_id=source_id,
            name=source_id.removeprefix("src_"),
            kind=kind,
            created_at=at("01 08:00"),
        )

    async def source_secret(self, source_id: str, secret_id: str) -> None:
        """A row of a source's secret."""
        await self.insert(
            "source_secret",
            workspace_id=DEFAULT_WORKSPACE,
            source_id=source_id,
            secret_id=UUID(secret_id),
            value=b"of the provider",
            created_at=at("01 08:00"),
        )

    async def bound_key(self, source_id: str, key_id: str) -> None:
        """Row of a key of a source; no token belongs to it."""
        await self.insert(
            "api_key",
            workspace_id=DEFAULT_WORKSPACE,
            key_id=key_id,
            kind="write",
            scopes=["events:write"],
            secret_hash=bytes(32),
            source_id=source_id,
        )

    async def insert(self, table: str, **columns: Any) -> None:
        """A row of any table."""
        names = ", ".join(columns)
        places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
        await self.owner.execute(
            f"INSERT INTO {table} ({names}) VALUES ({places})",  # noqa: S608 - names from above
            *columns.values(),
        )


def _timeline(entries: Sequence[tuple[str, str, str]], left: Sequence[str]) -> str | None:
    """JSON of a timeline, as the stager writes it; null without entries."""
    if not entries:
        return None
    return json.dumps(
        [
            [at(occurred).isoformat(), message_id, value, message_id in left]
            for occurred, message_id, value in entries
        ]
    )
