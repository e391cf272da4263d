"""`stageline import list`: imports, and which of them were taken back."""

from typing import Any

from rich.text import Text

from services.cli.client.errors import printable
from services.cli.client.http import call, print_json
from services.cli.client.target import target
from services.cli.reading.options import PAGE, AsJson, Cursor, Key, Limit, Url, parameters
from services.cli.reading.tables import print_next_page, print_rows

_COLUMNS = ("import", "touchpoints", "taken back", "why")


def imports(
    *,
    limit: Limit = PAGE,
    cursor: Cursor = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """List imports with their touchpoints; `import undo ID` takes one back."""
    answer = call(
        target(url, key, secret=True),
        "GET",
        "/v1/imports",
        params=parameters(limit=limit, cursor=cursor),
    )
    if as_json:
        print_json(answer)
        return
    print_rows(_COLUMNS, map(_row, answer["items"]), empty="there is no import")
    print_next_page(answer)


def _row(item: dict[str, Any]) -> list[Text]:
    retraction = item["retraction"] or {}
    texts = (
        printable(item["import_id"]),
        f"{item['touchpoints']:,}",
        f"{retraction['retracted']:,}" if retraction else "",
        printable(retraction.get("reason", "")),
    )
    return [Text(each) for each in texts]
