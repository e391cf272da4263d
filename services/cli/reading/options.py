"""Options that several reading commands have."""

from typing import Annotated

import typer

Url = Annotated[str | None, typer.Option(help="Address of the api; also STAGELINE_URL.")]
Key = Annotated[
    str | None, typer.Option(help="Secret key with stages:read; also STAGELINE_SECRET_KEY.")
]
AsJson = Annotated[bool, typer.Option("--json", help="The api's response as JSON.")]
Journey = Annotated[str | None, typer.Option(help="Key of a journey; `map list` shows them.")]
Limit = Annotated[int, typer.Option(min=1, max=200, help="Most rows of one page.")]
Cursor = Annotated[
    str | None, typer.Option(help="Start of a later page, as the page before names it.")
]
Account = Annotated[
    str,
    typer.Argument(
        help="Id of the account; of a person user:ID, external:RECORD, email:ADDR or anonymous:ID."
    ),
]

PAGE = 50


def parameters(**values: str | int | None) -> dict[str, str | int]:
    """Query parameters: those that have a value."""
    return {name: value for name, value in values.items() if value is not None}
