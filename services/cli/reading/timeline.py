"""`stageline timeline`: every touchpoint of an account."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.text import Text

from services.cli.client.http import call, print_json
from services.cli.client.target import target
from services.cli.reading import cells
from services.cli.reading.accounts import path_of
from services.cli.reading.options import PAGE, Account, AsJson, Cursor, Key, Limit, Url, parameters
from services.cli.reading.tables import print_next_page, print_rows

_COLUMNS = ("at (UTC)", "after", "event", "person", "channel", "details")
_DETAILS = ("role", "sentiment", "emotion", "friction", "score", "value", "thought", "question")


class Order(StrEnum):
    """Which touchpoints come first."""

    NEWEST = "newest"
    OLDEST = "oldest"


def timeline(
    account: Account,
    *,
    order: Annotated[Order, typer.Option(help="Which come first.")] = Order.NEWEST,
    limit: Limit = PAGE,
    cursor: Cursor = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Show every touchpoint of an account, with the silence before each."""
    answer = call(
        target(url, key, secret=True),
        "GET",
        f"{path_of(account)}/timeline",
        params=parameters(order=order.value, limit=limit, cursor=cursor),
    )
    if as_json:
        print_json(answer)
        return
    rows = (touchpoint_row(item) for item in answer["items"])
    print_rows(_COLUMNS, rows, empty="there is no touchpoint")
    print_next_page(answer)


def touchpoint_row(item: Mapping[str, Any]) -> tuple[Text, ...]:
    """The row of one touchpoint."""
    return (
        cells.instant(item["occurred_at"]),
        cells.duration(item["silence_seconds"]),
        cells.text(item["event"], "bold"),
        cells.text(item["person_id"]),
        cells.text(item["channel"]),
        cells.text(", ".join(_details(item))),
    )


def _details(item: Mapping[str, Any]) -> Iterator[str]:
    for name in _DETAILS:
        if item[name] is not None:
            yield f"{name}: {item[name]}"
    for name, value in item["properties"].items():
        yield f"{name}: {value}"
