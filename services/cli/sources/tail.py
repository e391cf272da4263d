"""`stageline tail`: polls the api for new events of sources, and prints them with their result."""

import contextlib
from collections.abc import Iterator
from time import sleep
from typing import Annotated, Any

import httpx
import msgspec
import typer
from rich.console import Console

from services.cli.client.errors import printable
from services.cli.client.http import call, client, response_json
from services.cli.client.target import ApiTarget, target
from services.cli.sources.lookup import ENDPOINT, find_source, source_path
from services.cli.sources.tail_lines import Event, Follower, is_error, line
from shared.sources.event import NO_SOURCE

_EVERY_SECONDS = 1.0
_MOST = 200

_KEYLESS = {"source_id": NO_SOURCE, "name": f"({NO_SOURCE})"}
"""In the place of a source: the keys that belong to none."""

_Watched = tuple[dict[str, Any], Follower]


def tail(
    source: Annotated[
        str | None,
        typer.Argument(
            help='Name or id of a source; "(none)": keys without one. Default: all of them.'
        ),
    ] = None,
    *,
    last: Annotated[
        int, typer.Option("--last", "-n", min=0, max=_MOST, help="Events of before to begin with.")
    ] = 10,
    errors_only: Annotated[
        bool, typer.Option("--errors-only", help="Refusals and dead letters alone.")
    ] = False,
    url: Annotated[str | None, typer.Option(help="Address of the api; also STAGELINE_URL.")] = None,
    key: Annotated[
        str | None, typer.Option(help="Secret key with sources:read; also STAGELINE_SECRET_KEY.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Watch events arrive: the event, the response to it, its result. Ctrl-C ends it.

    At high rates not every accepted event is shown; refusals come first.
    """
    to = target(url, key, secret=True)
    watched = (
        f"the source {printable(source)}"
        if source
        else f"every source, and keys without one as {_KEYLESS['name']}"
    )
    typer.secho(f"Watching {watched}; times are UTC, Ctrl-C ends it.", err=True, dim=True)
    with contextlib.suppress(KeyboardInterrupt), client(to) as session:
        for name, event in events(to, session, source, last):
            if errors_only and not is_error(event):
                continue
            if as_json:
                typer.echo(msgspec.json.encode({"source": name, **event}).decode())
            else:
                _CONSOLE.print(line(event, None if source else name), soft_wrap=True)
                _CONSOLE.file.flush()  # at once through a pipe, too


_CONSOLE = Console(highlight=False)


def events(
    to: ApiTarget, session: httpx.Client, source: str | None, last: int
) -> Iterator[tuple[str, Event]]:
    """Events with the name of their source, as they arrive, without end.

    Without `source`, keys without a source and every source are polled, including those that are
    created later.
    """
    watched = _watched(to, source)
    is_away = False
    while True:
        try:
            if source is None:
                items = [_KEYLESS, *_get(to, session, ENDPOINT)["items"]]
                watched = _current_sources(watched, items)
            for each, follower in watched:
                for event in follower.new_events(_page(to, session, each, follower, last)):
                    yield each["name"], event
        except httpx.TransportError:
            is_away = True
            typer.secho("no answer; trying again", err=True, dim=True)
        else:
            if is_away:
                is_away = False
                typer.secho("it answers again", err=True, dim=True)
        sleep(_EVERY_SECONDS)


def _watched(to: ApiTarget, source: str | None) -> list[_Watched]:
    if source in _KEYLESS.values():
        return [(_KEYLESS, Follower())]
    if source is not None:
        return [(find_source(to, source), Follower())]
    return [(item, Follower()) for item in (_KEYLESS, *call(to, "GET", ENDPOINT)["items"])]


def _current_sources(watched: list[_Watched], items: list[dict[str, Any]]) -> list[_Watched]:
    """The current sources; of a new one every event is shown."""
    followers = {source["source_id"]: follower for source, follower in watched}
    return [(item, followers.get(item["source_id"]) or Follower(floor=0)) for item in items]


def _page(
    to: ApiTarget, session: httpx.Client, source: dict[str, Any], follower: Follower, last: int
) -> list[Event]:
    """The next page of events. Raises httpx.TransportError, also for an api that is not ready."""
    is_first = follower.floor is None
    limits = {"limit": max(last, 1)} if is_first else {"limit": _MOST, "after": follower.after}
    items: list[Event] = _get(to, session, f"{source_path(source)}/events", **limits)["items"]
    if not is_first:
        return items
    wanted = items[:last]
    follower.begin(after=wanted[-1]["id"] - 1 if wanted else items[0]["id"] if items else 0)
    return wanted


def _get(to: ApiTarget, session: httpx.Client, at: str, **params: int) -> Any:  # noqa: ANN401 - any JSON
    response = session.get(at, params=params)
    if response.is_server_error:
        raise httpx.RemoteProtocolError(str(response.status_code))
    return response_json(to, response)
