"""`stageline accounts`: the list by stage, status and owner, or the profile of one account."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.text import Text

from services.cli.client.http import call, print_json
from services.cli.client.target import target
from services.cli.reading import cells
from services.cli.reading.options import PAGE, AsJson, Cursor, Journey, Key, Limit, Url, parameters
from services.cli.reading.tables import print_fields, print_next_page, print_rows

ENDPOINT = "/v1/accounts"

_COLUMNS = ("account", "journey", "stage", "status", "since (UTC)", "owner", "value")
_MOST_MEMBERS = 20


def accounts(
    account: Annotated[
        str | None, typer.Argument(help="Show the profile of this one. Default: the list.")
    ] = None,
    *,
    journey: Journey = None,
    stage: Annotated[str | None, typer.Option(help="Only accounts in this stage.")] = None,
    status: Annotated[
        str | None, typer.Option(help="Only those that are active, stalled or ended.")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Only stages of this owner.")] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """List accounts with their stages, or show one in full."""
    to = target(url, key, secret=True)
    if account is not None:
        profile = call(to, "GET", path_of(account))
        print_json(profile) if as_json else print_fields(profile_fields(profile))
        return
    query = parameters(
        journey=journey, stage=stage, status=status, owner=owner, limit=limit, cursor=cursor
    )
    answer = call(to, "GET", ENDPOINT, params=query)
    if as_json:
        print_json(answer)
        return
    rows = (row for item in answer["items"] for row in account_rows(item))
    print_rows(_COLUMNS, rows, empty="no account passes these filters")
    print_next_page(answer)


def path_of(account: str) -> str:
    """Path of an account in the api."""
    return f"{ENDPOINT}/{quote(account, safe='')}"


def account_rows(item: Mapping[str, Any]) -> Iterator[tuple[Text, ...]]:
    """One row for each journey that the account is on; one for an account that is on none."""
    name, value = cells.text(item["account_id"], "bold"), cells.number(item["value"])
    if not item["placements"]:
        yield (name, *(cells.text(None) for _ in _COLUMNS[1:-1]), value)
    for placement in item["placements"]:
        yield (
            name,
            cells.text(placement["journey"]),
            cells.text(placement["outcome"] or placement["stage"]),
            cells.state(placement["status"]),
            cells.instant(placement["entered_at"]),
            cells.text(placement["owner"]),
            value,
        )


def profile_fields(profile: Mapping[str, Any]) -> Iterator[tuple[str, Text]]:
    """The profile as fields; of the people, the first twenty."""
    yield profile["kind"], cells.text(profile["account_id"], "bold")
    for name, trait in profile["traits"].items():
        yield "trait", cells.text(f"{name}: {trait}")
    yield "value", cells.number(profile["value"])
    yield "touchpoints", cells.number(profile["touchpoints"])
    yield "last (UTC)", cells.instant(profile["last_event_at"])
    for placement in profile["placements"]:
        stage = placement["outcome"] or placement["stage_title"] or placement["stage"]
        since = cells.instant(placement["entered_at"])
        yield (
            "journey",
            cells.text(f"{placement['journey']}: {stage}, {placement['status']} since {since}"),
        )
    for member in profile["members"][:_MOST_MEMBERS]:
        role = f" ({member['role']})" if member["role"] else ""
        yield "person", cells.text(f"{member['person_id']}{role}")
    if (more := profile["member_count"] - _MOST_MEMBERS) > 0:
        yield "", cells.text(f"and {more} more")
