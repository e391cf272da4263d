"""`stageline alerts`: stalls, drop-offs and other findings, newest first."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.text import Text

from services.cli.client.http import call, print_json
from services.cli.client.target import target
from services.cli.reading import cells
from services.cli.reading.options import PAGE, AsJson, Cursor, Journey, Key, Limit, Url, parameters
from services.cli.reading.tables import print_next_page, print_rows

_COLUMNS = ("opened (UTC)", "severity", "state", "account", "owner", "at risk", "summary")


def alerts(
    *,
    state: Annotated[
        str | None, typer.Option(help="Only those that are open, acknowledged or resolved.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="Only this kind, such as stall.")] = None,
    journey: Journey = None,
    owner: Annotated[str | None, typer.Option(help="Only those of this owner.")] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """List alerts: who is stuck where, whose it is, and how much is at risk."""
    query = parameters(
        state=state, kind=kind, journey=journey, owner=owner, limit=limit, cursor=cursor
    )
    answer = call(target(url, key, secret=True), "GET", "/v1/alerts", params=query)
    if as_json:
        print_json(answer)
        return
    rows = (alert_row(item) for item in answer["items"])
    print_rows(_COLUMNS, rows, empty="no alert passes these filters")
    print_next_page(answer)


def alert_row(item: Mapping[str, Any]) -> tuple[Text, ...]:
    """The row of one alert."""
    return (
        cells.instant(item["opened_at"]),
        cells.state(item["severity"]),
        cells.state(item["state"]),
        cells.text(item["account_id"], "bold"),
        cells.text(item["owner"]),
        cells.number(item["value_at_risk"]),
        cells.text(item["summary"]),
    )
