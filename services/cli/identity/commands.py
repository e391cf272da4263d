"""`stageline identity`: who is who, and an operator's word on it."""

from typing import Annotated, Literal
from urllib.parse import quote

import typer

from services.cli.client.errors import FriendlyGroup, fail, printable
from services.cli.client.http import call, print_json
from services.cli.client.target import target
from services.cli.identity import resolving
from services.cli.identity.shown import CONFLICT_COLUMNS, conflict_row, person_fields
from services.cli.operate import junk
from services.cli.reading.options import PAGE, AsJson, Cursor, Key, Limit, Url, parameters
from services.cli.reading.tables import print_fields, print_next_page, print_rows
from shared.contracts.names import is_person, names_of_any_kind

app = typer.Typer(no_args_is_help=True)
app.add_typer(junk.app, name="junk", help="Ids that name nobody.", cls=FriendlyGroup)
app.command()(resolving.progress)
app.command("resolve-again")(resolving.resolve_again)

_WRONG_USAGE = 2

_Name = Annotated[
    str,
    typer.Argument(
        help="Of a person user:ID, external:RECORD or email:ADDR; else an account's id."
    ),
]
_Reason = Annotated[str, typer.Option(help="Why; it is kept with your key's name.")]
_StatementKey = Annotated[
    str | None, typer.Option(help="Secret key with identity:write; also STAGELINE_SECRET_KEY.")
]


@app.command()
def show(
    name: Annotated[
        str,
        typer.Argument(
            help="user:ID, external:RECORD, email:ADDR or anonymous:ID; without a prefix an address, a"
            " record or a user id."
        ),
    ],
    *,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Show a person: all names and what brought each, devices, accounts, and what joined nothing."""
    if not is_person(name):
        name = next(iter(names_of_any_kind(name)), name)
    person = call(target(url, key, secret=True), "GET", f"/v1/people/{quote(name, safe='')}")
    print_json(person) if as_json else print_fields(person_fields(person))


@app.command()
def conflicts(
    *,
    limit: Limit = PAGE,
    cursor: Cursor = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """List statements that joined nothing, and why."""
    answer = call(
        target(url, key, secret=True),
        "GET",
        "/v1/identity/conflicts",
        params=parameters(limit=limit, cursor=cursor),
    )
    if as_json:
        print_json(answer)
        return
    is_end = answer["next_cursor"] is None
    empty = "there is no conflict" if is_end else "there is no conflict on this page"
    print_rows(CONFLICT_COLUMNS, map(conflict_row, answer["items"]), empty=empty)
    print_next_page(answer)


@app.command()
def merge(
    name: _Name,
    other: Annotated[
        str, typer.Argument(help="The former name: another of the same person or account.")
    ],
    *,
    reason: _Reason,
    url: Url = None,
    key: _StatementKey = None,
    as_json: AsJson = False,
) -> None:
    """Say that two people, or two accounts, are one; the first name survives."""
    _state("merge", name, {"with": other, "reason": reason}, url, key, as_json=as_json)


@app.command()
def unmerge(
    name: _Name,
    other: Annotated[str, typer.Argument(help="The name that is another person's or account's.")],
    *,
    reason: _Reason,
    url: Url = None,
    key: _StatementKey = None,
    as_json: AsJson = False,
) -> None:
    """Say that two people, or two accounts, are not one: both histories become what they were."""
    _state("unmerge", name, {"from": other, "reason": reason}, url, key, as_json=as_json)


def _state(
    verb: Literal["merge", "unmerge"],
    name: str,
    body: dict[str, str],
    url: str | None,
    key: str | None,
    *,
    as_json: bool,
) -> None:
    other = body.get("with") or body.get("from") or ""
    if is_person(name) != is_person(other):
        fail(
            "name two people, each with user:, external:, email: or anonymous: before the id, or two"
            " accounts by their ids",
            _WRONG_USAGE,
        )
    path = "/v1/people" if is_person(name) else "/v1/accounts"
    answer = call(
        target(url, key, secret=True, at_ingest=True),
        "POST",
        f"{path}/{quote(name, safe='')}:{verb}",
        json=body,
    )
    if as_json:
        print_json(answer)
        return
    typer.echo(f"accepted as event {printable(answer['message_id'])}")
    typer.secho("It counts within seconds: stageline identity show", err=True, dim=True)
