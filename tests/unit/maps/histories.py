"""Plausible histories of the ready maps, and how they are played."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.journey.compile import compile_journey
from shared.journey.fold import refold
from shared.journey.model import Effect, Stall, Transition, TransitionKind
from shared.journey.state import State
from shared.maps import parse, templates, to_journey
from tests.support.touchpoints import touchpoint

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

Step = tuple[timedelta, str] | tuple[timedelta, str, dict[str, Any]]
"""Time after the start, event, properties."""


def after(*, days: float = 0, hours: float = 0, minutes: float = 0) -> timedelta:
    return timedelta(days=days, hours=hours, minutes=minutes)


def played(
    name: str, steps: list[Step], *, until: timedelta | None = None
) -> tuple[State, list[Effect]]:
    compiled = compile_journey(to_journey(parse(templates.read(name)), 1))
    touchpoints = [
        touchpoint(
            step[1],
            START + step[0],
            message_id=f"m{number:03}",
            person="user:leah",
            properties=step[2] if len(step) == 3 else {},
        )
        for number, step in enumerate(steps)
    ]
    now = START + (until if until is not None else steps[-1][0])
    return refold(compiled, touchpoints, now)


def moves(effects: list[Effect]) -> list[str]:
    """Stages and outcomes in the order in which they were reached; a new cycle says so."""
    return [
        f"{'*' if each.kind in (TransitionKind.LOOP, TransitionKind.WIN_BACK) else ''}"
        f"{each.to_stage or each.outcome}"
        for each in effects
        if isinstance(each, Transition)
    ]


def stalls(effects: list[Effect]) -> list[str]:
    return [each.stage for each in effects if isinstance(each, Stall) and each.cleared_at is None]


DAY_BY_DAY: dict[str, list[Step]] = {
    "awareness-purchase-2": [(after(), "Ad Clicked"), (after(days=2), "Order Completed")],
    "b2b-core-5": [
        (after(), "Social Post Viewed"),
        (after(days=1), "Page Viewed"),
        (after(days=3), "Case Study Read"),
        (after(days=8), "Page Viewed"),
        (after(days=9), "Email Link Clicked"),
        (after(days=20), "Pricing Viewed"),
        (after(days=22), "Pricing Viewed"),
        (after(days=30), "Pricing Viewed"),
        (after(days=45), "Contract Signed"),
        (after(days=60), "First Value Reached"),
        (after(days=80), "NPS Answered", {"score": 8}),
        (after(days=90), "NPS Answered", {"score": 9}),
    ],
    "b2b-jtbd-7": [
        (after(), "LinkedIn Post Viewed"),
        (after(days=2), "Guide Downloaded"),
        (after(days=9), "Webinar Attended"),
        (after(days=16), "Discovery Call Booked"),
        (after(days=40), "Proposal Signed"),
        (after(days=47), "Team Onboarded"),
        (after(days=320), "Account Review Held"),
    ],
    "b2b-retention-5": [
        (after(), "Conference Talk Heard"),
        (after(days=40), "Case Study Read"),
        (after(days=70), "Case Study Read"),
        (after(days=120), "Security Documentation Reviewed"),
        (after(days=150), "Pricing Negotiated"),
        (after(days=230), "Contract Signed"),
        (after(days=260), "Training Received"),
        (after(days=300), "First Value Reached"),
        (after(days=400), "Reference Given"),
    ],
    "lifecycle-7": [
        (after(), "Search Result Clicked"),
        (after(days=1), "Product Page Viewed"),
        (after(days=2), "Landing Page Viewed"),
        (after(days=4), "Trial Started"),
        (after(days=12), "Subscription Started"),
        (after(days=13), "Setup Completed"),
        *[(after(days=14 + number), "Feature Used") for number in range(10)],
        (after(days=60), "Review Published"),
    ],
    "saas-growth-5": [
        (after(), "Blog Post Read"),
        (after(days=1), "Trial Started"),
        (after(days=2), "Data Connected"),
        (after(days=3), "Teammate Invited"),
        (after(days=3), "Teammate Invited"),
        (after(days=4), "Teammate Invited"),
        (after(days=20), "Subscription Started"),
        (after(days=34), "First Value Reached"),
        (after(days=40), "Feature Adopted"),
        (after(days=50), "Feature Adopted"),
    ],
    "shop-person": [
        (after(), "home"),
        (after(minutes=1), "product_view"),
        (after(minutes=2), "product_view"),
        (after(minutes=5), "product_view"),
        (after(minutes=6), "add_to_cart"),
        (after(minutes=7), "shipping_details"),
        (after(minutes=8), "payment_details"),
        (after(minutes=9), "purchase"),
    ],
}
