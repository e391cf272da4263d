"""`stageline stage`: where an account or a person stands now."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer
from rich.text import Text

from services.cli.client.errors import fail
from services.cli.client.http import call, print_json
from services.cli.client.target import target
from services.cli.reading import cells
from services.cli.reading.options import AsJson, Journey, Key, Url, parameters
from services.cli.reading.tables import print_fields


def stage(
    account: Annotated[str | None, typer.Argument(help="Id of the account.")] = None,
    *,
    user_id: Annotated[str | None, typer.Option(help="A person, by user id.")] = None,
    anonymous_id: Annotated[str | None, typer.Option(help="A visitor, by anonymous id.")] = None,
    email: Annotated[str | None, typer.Option(help="A person, by e-mail.")] = None,
    external_id: Annotated[
        str | None, typer.Option(help="By a provider's record: hubspot:contact:8301.")
    ] = None,
    journey: Journey = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Show where an account or a person stands now."""
    name = parameters(
        account_id=account,
        user_id=user_id,
        anonymous_id=anonymous_id,
        email=email,
        external_id=external_id,
    )
    if len(name) != 1:
        fail("name an account, or one of --user-id, --anonymous-id, --email, --external-id", 2)
    query = name | parameters(journey=journey)
    answer = call(target(url, key, secret=True), "GET", "/v1/stage", params=query)
    print_json(answer) if as_json else print_fields(stage_fields(answer))


def stage_fields(answer: Mapping[str, Any]) -> Iterator[tuple[str, Text]]:
    """The response as fields; what has no value is left out."""
    yield "account", cells.text(answer["account_id"], "bold")
    if answer["journey"]:
        yield "journey", cells.text(f"{answer['journey']}, version {answer['map_version']}")
    yield "stage", cells.text(answer["stage_title"] or answer["stage"], "bold")
    yield "status", cells.state(answer["status"])
    if answer["outcome"]:
        yield "outcome", cells.text(answer["outcome"])
    yield "since (UTC)", cells.instant(answer["entered_at"])
    if answer["job"]:
        yield "job", cells.text(answer["job"])
    if answer["next"]:
        yield "next", cells.text(answer["next"]["title"])
    for slot, content in (answer["content"] or {}).items():
        yield "content", cells.text(f"{slot}: {content}")
    yield "last (UTC)", cells.instant(answer["event_at"])
