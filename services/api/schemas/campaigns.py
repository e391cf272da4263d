"""Campaigns that preceded the entries into stages."""

from typing import Literal

from pydantic import Field

from services.api.schemas.base import Example, RequestModel, ResponseModel
from services.api.schemas.fields import Instant, RequestInstant


class CampaignsQuery(RequestModel):
    """Interval of the entries, and how they are attributed."""

    since: RequestInstant | None = Field(
        default=None,
        description="Entries at this instant or later; absent: 90 days before `until`.",
    )
    until: RequestInstant | None = Field(
        default=None, description="Entries before this instant; absent: now."
    )
    attribution: Literal["first", "last"] = Field(
        default="last",
        description="The first or the last campaign among the touchpoints before the entry.",
    )
    limit: int = Field(default=200, ge=1, le=1_000, description="Most items.")


class CampaignName(ResponseModel):
    """A campaign, by the five names of the UTM convention."""

    name: str | None
    source: str | None
    medium: str | None
    term: str | None
    content: str | None


class CampaignEntries(ResponseModel):
    """Entries into one stage that one campaign preceded."""

    stage: str
    campaign: CampaignName | None = Field(description="Null: no campaign preceded them.")
    entries: int
    accounts: int = Field(description="Number of distinct accounts among the entries.")


class Campaigns(ResponseModel):
    """Entries by stage and campaign, most first. A campaign that preceded need not be the cause."""

    journey: str
    since: Instant
    until: Instant
    attribution: Literal["first", "last"]
    items: list[CampaignEntries]


CAMPAIGNS_EXAMPLE: Example = {
    "journey": "b2b-jtbd-7",
    "since": "2026-01-01T00:00:00Z",
    "until": "2026-04-01T00:00:00Z",
    "attribution": "last",
    "items": [
        {
            "stage": "evaluation",
            "campaign": {
                "name": "spring",
                "source": "newsletter",
                "medium": "email",
                "term": None,
                "content": None,
            },
            "entries": 14,
            "accounts": 12,
        },
        {"stage": "evaluation", "campaign": None, "entries": 9, "accounts": 9},
    ],
}
