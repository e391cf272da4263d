"""Workspaces, as the key of an operator sees them."""

from typing import Annotated

from pydantic import Field

from services.api.schemas.base import Example, ListOf, RequestModel, ResponseModel
from services.api.schemas.fields import Instant
from shared.ids import WorkspaceId

MAX_NAME_CHARS = 63

Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_NAME_CHARS,
        description="Letters, digits, spaces, dots, dashes, underscores; begins with a letter or digit,"
        " and is not a number. Unique.",
    ),
]


class WorkspaceName(RequestModel):
    """The name of a workspace that is to be made or renamed."""

    name: Name


class Workspace(ResponseModel):
    """A workspace."""

    workspace_id: WorkspaceId
    name: str
    created_at: Instant


class CreatedWorkspace(Workspace):
    """A workspace that was made, with its first key."""

    key_id: str
    key: str = Field(
        description="A secret key of the workspace, with every scope. It is not shown again: only a"
        " hash is stored."
    )


class Workspaces(ListOf[Workspace]):
    """A page of workspaces."""


NAME_EXAMPLE: Example = {"name": "brand-a"}

WORKSPACE_EXAMPLE: Example = {
    "workspace_id": 2,
    "name": "brand-a",
    "created_at": "2026-03-01T08:01:00Z",
}

CREATED_EXAMPLE: Example = WORKSPACE_EXAMPLE | {
    "key_id": "4be0643f1d98",
    "key": "sl_sk_4be0643f1d98_0123456789abcdef0123456789abcdef0123456789abcdef",
}

WORKSPACES_EXAMPLE: Example = {
    "items": [
        {"workspace_id": 1, "name": "default", "created_at": "2026-02-27T14:20:00Z"},
        WORKSPACE_EXAMPLE,
    ],
    "next_cursor": None,
}
