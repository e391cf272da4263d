"""`stageline events`: the names of events, and which of them the maps know."""

from typing import Annotated, Any

import typer
from rich.text import Text

from services.cli.client.http import call, print_json
from services.cli.client.target import target
from services.cli.reading.cells import instant, number, text
from services.cli.reading.tables import print_rows

_ENDPOINT = "/v1/events"


def events(
    *,
    unknown: Annotated[
        bool, typer.Option("--unknown", help="Only names that no map knows.")
    ] = False,
    url: Annotated[str | None, typer.Option(help="Address of the api; also STAGELINE_URL.")] = None,
    key: Annotated[
        str | None, typer.Option(help="Secret key with sources:read; also STAGELINE_SECRET_KEY.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """List the names of events: how many came, when last, and which maps know them.

    Names that a map waits for and that never came are at the end.
    """
    items = call(target(url, key, secret=True), "GET", _ENDPOINT)["items"]
    if unknown:
        items = [item for item in items if not item["journeys"]]
    if as_json:
        print_json({"items": items})
        return
    rows = [
        (
            text(item["event"]),
            number(item["accepted"]),
            instant(item["last_seen_at"]),
            _knowing_maps(item),
        )
        for item in items
    ]
    columns = ("event", "events", "last seen (UTC)", "known to")
    print_rows(columns, rows, empty="no event has come, and no map waits for one")


def _knowing_maps(item: dict[str, Any]) -> Text:
    if item["journeys"]:
        return text(", ".join(item["journeys"]))
    if item["meant"]:
        return text(f"no map; did you mean: {item['meant']}?", style="yellow")
    return text("no map", style="dim")
