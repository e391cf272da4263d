"""Imports, and how far one that was taken back is."""

from pydantic import Field

from services.api.schemas.base import Example, ListOf, PageQuery, ResponseModel
from services.api.schemas.fields import Id, Instant


class ImportsQuery(PageQuery):
    """Which imports."""

    import_id: Id | None = Field(default=None, description="This import alone.")


class ImportRetraction(ResponseModel):
    """That an import was taken back."""

    requested_at: Instant
    author: str = Field(description="The key that asked for it.")
    reason: str
    retracted: int = Field(description="Touchpoints that were stored and are removed by now.")
    finished_at: Instant | None = Field(description="Null until all of them are removed.")


class Import(ResponseModel):
    """One import."""

    import_id: str
    touchpoints: int = Field(description="Touchpoints that are stored of it now.")
    retraction: ImportRetraction | None = Field(description="Null for one that is not taken back.")


Imports = ListOf[Import]

IMPORTS_EXAMPLE: Example = {
    "items": [
        {
            "import_id": "20260302-093100-7f3a",
            "touchpoints": 261_700,
            "retraction": {
                "requested_at": "2026-03-02T09:45:00Z",
                "author": "ops (key 0123456789ab)",
                "reason": "the wrong column for accounts",
                "retracted": 500,
                "finished_at": None,
            },
        }
    ],
    "next_cursor": None,
}
