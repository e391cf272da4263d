"""What the server SDKs are given, and what must come of it. Both are written by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from shared.contracts.envelope import Envelope
from tests.compat.sdks import Call, Sdk
from tests.compat.service import Applied


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One touchpoint; what it says is among `properties`, `traits` and `account_traits`."""

    type: str
    event: str
    properties: dict[str, Any] = field(default_factory=dict)
    traits: dict[str, Any] = field(default_factory=dict)
    account_traits: dict[str, Any] = field(default_factory=dict)

    def matches(self, envelope: Envelope) -> bool:
        """Whether the envelope says this; SDKs add properties of their own."""
        return (
            (envelope.type, envelope.event) == (self.type, self.event)
            and self.properties.items() <= envelope.properties.items()
            and self.traits.items() <= envelope.traits.items()
            and self.account_traits.items() <= envelope.account_traits.items()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A person from the first anonymous visit to the contract, on two devices."""

    calls: Sequence[Call]
    expected: Sequence[Expected]
    person: str
    account: str
    dated: str
    """Event that was given a time of its own; the others happen when they are called."""


def story(sdk: Sdk, run: str, dated_at: datetime) -> Story:
    """The story in the calls of the SDK. `run` is part of every name in it."""
    return _segment(run, dated_at) if sdk.family == "segment" else _posthog(sdk, run, dated_at)


def _segment(run: str, dated_at: datetime) -> Story:
    visitor, phone, user, account = f"{run}-visitor", f"{run}-phone", f"{run}-ann", f"{run}-acme"
    email = f"{run}@acme.example"
    return Story(
        calls=[
            ("page", {"anonymous_id": visitor, "name": "Pricing", "properties": {"plan": "all"}}),
            ("track", {"anonymous_id": visitor, "event": "Guide Downloaded",
                       "properties": {"guide": "ROI"}}),
            ("identify", {"anonymous_id": visitor, "user_id": user,
                          "traits": {"email": email, "plan": "trial"}}),
            ("group", {"user_id": user, "group_id": account,
                       "traits": {"name": "Acme", "seats": 12}}),
            ("track", {"user_id": user, "event": "Demo Requested", "properties": {"seats": 12}}),
            ("screen", {"user_id": user, "name": "Dashboard"}),
            ("track", {"anonymous_id": phone, "event": "Case Study Read"}),
            ("alias", {"previous_id": phone, "user_id": user}),
            ("track", {"user_id": user, "event": "Contract Signed",
                       "timestamp": dated_at.isoformat()}),
        ],
        expected=[
            Expected(type="page", event="Page Viewed", properties={"name": "Pricing", "plan": "all"}),
            Expected(type="track", event="Guide Downloaded", properties={"guide": "ROI"}),
            Expected(type="identify", event="Person Identified",
                     traits={"email": email, "plan": "trial"}),
            Expected(type="group", event="Account Identified",
                     account_traits={"name": "Acme", "seats": 12}),
            Expected(type="track", event="Demo Requested", properties={"seats": 12}),
            Expected(type="screen", event="Screen Viewed", properties={"name": "Dashboard"}),
            Expected(type="track", event="Case Study Read"),
            Expected(type="alias", event="Person Aliased"),
            Expected(type="track", event="Contract Signed"),
        ],
        person=f"user:{user}",
        account=account,
        dated="Contract Signed",
    )  # fmt: skip


def _posthog(sdk: Sdk, run: str, dated_at: datetime) -> Story:
    # What a browser named itself before the sign-up; a server passes it on.
    visitor = str(uuid5(NAMESPACE_OID, run))
    user, account, email = f"{run}-ann", f"{run}-acme", f"{run}@acme.example"
    traits = {"email": email, "plan": "trial"}
    # One SDK says it in other words than the other.
    identify = "set" if sdk.language == "python" else "identify"
    alias = (
        {"previous_id": visitor, "distinct_id": user}
        if sdk.language == "python"
        else {"distinct_id": user, "alias": visitor}
    )
    return Story(
        calls=[
            ("capture", {"distinct_id": visitor, "event": "Guide Downloaded",
                         "properties": {"guide": run, "$process_person_profile": False}}),
            (identify, {"distinct_id": user, "properties": traits}),
            ("alias", alias),
            ("group_identify", {"group_type": "company", "group_key": account, "distinct_id": user,
                                "properties": {"name": "Acme", "seats": 12}}),
            ("capture", {"distinct_id": user, "event": "Demo Requested",
                         "properties": {"seats": 12}, "groups": {"company": account}}),
            ("capture", {"distinct_id": user, "event": "Contract Signed",
                         "timestamp": dated_at.isoformat()}),
        ],
        expected=[
            Expected(type="track", event="Guide Downloaded", properties={"guide": run}),
            Expected(type="identify", event="Person Identified", traits=traits),
            Expected(type="alias", event="Person Aliased"),
            Expected(type="group", event="Account Identified",
                     account_traits={"name": "Acme", "seats": 12}),
            Expected(type="track", event="Demo Requested", properties={"seats": 12}),
            Expected(type="track", event="Contract Signed"),
        ],
        person=f"user:{user}",
        account=account,
        dated="Contract Signed",
    )  # fmt: skip


def numbered(sdk: Sdk, run: str, number: int) -> list[Call]:
    """So many events of one person, each with a number of its own."""
    user = f"{run}-ann"
    if sdk.family == "segment":
        return [
            ("track", {"user_id": user, "event": "Feature Used", "properties": {"number": n}})
            for n in range(number)
        ]
    return [
        ("capture", {"distinct_id": user, "event": "Feature Used", "properties": {"number": n}})
        for n in range(number)
    ]


def numbers(applied: Sequence[Applied]) -> list[int]:
    """Numbers of the events that were applied, sorted; one that is there twice was doubled."""
    return sorted(each.envelope.properties["number"] for each in applied)
