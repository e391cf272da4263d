"""`stageline source`: creates, shows and changes sources through the api."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.client.errors import fail, printable
from services.cli.client.http import call, print_json
from services.cli.client.target import ApiTarget, of_this_folder, target
from services.cli.sources import view
from services.cli.sources.lookup import (
    ENDPOINT,
    address_warning,
    find_source,
    ingest_url,
    source_path,
)
from services.cli.sources.settings import changed_settings
from services.cli.sources.snippet import snippet as snippet_of
from shared.sources.source import SourceKind

app = typer.Typer(no_args_is_help=True)

_USAGE_DAYS = 7

_Name = Annotated[str, typer.Argument(help="Name or id of the source.")]
_Pairs = Annotated[
    list[str] | None,
    typer.Argument(
        help="name=value: ip=drop allowed_origins=https://a.example consent.required=ads"
    ),
]
_File = Annotated[
    Path | None, typer.Option("--settings", help="Settings as YAML or JSON, instead or beside.")
]
_Url = Annotated[str | None, typer.Option(help="Address of the api; also STAGELINE_URL.")]
_Key = Annotated[
    str | None, typer.Option(help="Secret key with sources:write; also STAGELINE_SECRET_KEY.")
]
_Json = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What to call it: one website, app or system.")],
    pairs: _Pairs = None,
    *,
    kind: Annotated[SourceKind, typer.Option(help="What sends.")],
    settings: _File = None,
    url: _Url = None,
    key: _Key = None,
    as_json: _Json = False,
) -> None:
    """Make a source."""
    chosen = changed_settings(pairs or [], settings, present={})
    to = target(url, key, secret=True)
    body = {"name": name, "kind": kind, "settings": chosen}
    created = call(to, "POST", ENDPOINT, json=body)
    if as_json:
        print_json(created | _address(created, to))
        return
    typer.echo(f"{created['name']} is made: {created['source_id']}")
    if created["webhook_path"]:
        typer.echo(f"Let the provider post to: {_address(created, to)['webhook_url']}")
        _hint(f"stageline source secret add {shlex.quote(name)}")
    else:
        _hint(f"stageline source key {shlex.quote(name)}")
    _warn(address_warning(created))


@app.command("list")
def list_(*, url: _Url = None, key: _Key = None, as_json: _Json = False) -> None:
    """Show the sources of the workspace."""
    answer = call(target(url, key, secret=True), "GET", ENDPOINT)
    if as_json:
        print_json(answer)
    else:
        view.print_list(answer["items"])


@app.command()
def show(
    name: _Name,
    *,
    url: _Url = None,
    key: _Key = None,
    as_json: _Json = False,
) -> None:
    """Show one source: settings, keys, secrets (never their values), usage, webhook address."""
    to = target(url, key, secret=True)
    source = find_source(to, name)
    usage = call(to, "GET", f"{source_path(source)}/usage", params={"days": _USAGE_DAYS})["items"]
    if as_json:
        print_json(source | _address(source, to) | {"usage": usage})
    else:
        view.print_one(source, usage, ingest_url(to))
    _warn(address_warning(source))


@app.command("set")
def set_(
    name: _Name,
    pairs: _Pairs = None,
    *,
    settings: _File = None,
    rename: Annotated[str | None, typer.Option(help="Give it another name.")] = None,
    url: _Url = None,
    key: _Key = None,
    as_json: _Json = False,
) -> None:
    """Change settings; `name=` puts one back to its default. Ingest follows within seconds."""
    if not pairs and settings is None and rename is None:
        fail("nothing to change: write name=value, --settings FILE or --rename NAME", 2)
    to = target(url, key, secret=True)
    source = find_source(to, name)
    changes = changed_settings(pairs or [], settings, present=source["settings"])
    body = {"settings": changes} | ({"name": rename} if rename is not None else {})
    _print_result(call(to, "PATCH", source_path(source), json=body), "is changed", as_json=as_json)


@app.command()
def pause(name: _Name, *, url: _Url = None, key: _Key = None, as_json: _Json = False) -> None:
    """Pause a source: its senders get 503 and may send again later."""
    to = target(url, key, secret=True)
    answer = call(to, "POST", f"{source_path(find_source(to, name))}:pause")
    _print_result(answer, "is paused", as_json=as_json)


@app.command()
def resume(name: _Name, *, url: _Url = None, key: _Key = None, as_json: _Json = False) -> None:
    """Accept events of a paused source again."""
    to = target(url, key, secret=True)
    answer = call(to, "POST", f"{source_path(find_source(to, name))}:resume")
    _print_result(answer, "is active", as_json=as_json)


@app.command()
def delete(
    name: _Name,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: _Url = None,
    key: _Key = None,
    as_json: _Json = False,
) -> None:
    """Remove a source and revoke its keys. Events that it sent are kept."""
    to = target(url, key, secret=True)
    source = find_source(to, name)
    if not yes and not _confirmed(source):
        fail("nothing was removed; --yes removes without asking")
    call(to, "DELETE", source_path(source))
    _print_result(source, "is removed", as_json=as_json)


@app.command("key")
def key_(
    name: _Name,
    *,
    label: Annotated[str, typer.Option(help="What the key is for.")] = "",
    expires_in_days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Days until the key expires.")
    ] = None,
    url: _Url = None,
    key: _Key = None,
    as_json: _Json = False,
) -> None:
    """Make a write key for this source. It is shown only once."""
    to = target(url, key, secret=True)
    source = find_source(to, name)
    if source["webhook_path"] is not None:
        fail(
            f"a {source['kind']} source is known by a secret:"
            f" stageline source secret add {shlex.quote(name)}"
        )
    body = {"label": label, "expires_in_days": expires_in_days}
    created = call(to, "POST", f"{source_path(source)}/keys", json=body)
    if as_json:
        print_json(created)
        return
    typer.echo(created["key"])
    _hint(f"stageline keys revoke {created['key_id']}", "Keep it now. To revoke:")


secret = typer.Typer(no_args_is_help=True)
app.add_typer(secret, name="secret", help="Secrets by which webhooks are checked.")


@secret.command()
def add(
    name: _Name,
    *,
    value: Annotated[
        str | None,
        typer.Option(help="As the provider shows it; - reads stdin. Left out: one is made."),
    ] = None,
    others_end_in_hours: Annotated[
        float | None,
        typer.Option(min=0, max=8_760, help="When those in use end. Default: not at all."),
    ] = None,
    url: _Url = None,
    key: _Key = None,
    as_json: _Json = False,
) -> None:
    """Add a secret; the others stay valid unless an end is given."""
    to = target(url, key, secret=True)
    source = find_source(to, name)
    if source["webhook_path"] is None:
        fail(
            f"senders of a {source['kind']} source show a key:"
            f" stageline source key {shlex.quote(name)}"
        )
    if value == "-":
        value = sys.stdin.readline()
    hours = others_end_in_hours
    body = {
        "value": value,
        "others_expire_in_seconds": None if hours is None else round(hours * 3_600),
    }
    created = call(to, "POST", f"{source_path(source)}/secrets", json=body)
    if as_json:
        print_json(created)
        return
    if created["value"]:
        typer.echo(created["value"])
    _hint(
        f"stageline source secret expire {shlex.quote(name)} {created['secret_id']}",
        "In use. To end it:",
    )


@secret.command()
def expire(
    name: _Name,
    secret_id: Annotated[str, typer.Argument(help="Id of the secret; `source show` has it.")],
    *,
    in_hours: Annotated[float, typer.Option(min=0, max=8_760, help="Not at once.")] = 0,
    url: _Url = None,
    key: _Key = None,
    as_json: _Json = False,
) -> None:
    """End a secret."""
    to = target(url, key, secret=True)
    source = find_source(to, name)
    seconds = round(in_hours * 3_600)
    call(to, "DELETE", f"{source_path(source)}/secrets/{secret_id}", params={"in_seconds": seconds})
    if as_json:
        print_json({"secret_id": secret_id, "in_seconds": seconds})
    else:
        typer.echo(f"the secret ends {'now' if seconds == 0 else f'in {in_hours:g} hours'}")


def _address(source: dict[str, Any], to: ApiTarget) -> dict[str, str | None]:
    has_one = source["webhook_path"] is not None
    return {"webhook_url": ingest_url(to) + source["webhook_path"] if has_one else None}


@app.command()
def snippet(name: _Name, *, url: _Url = None, key: _Key = None) -> None:
    """Print the line to paste into the head of a website: it asks for consent, then sends."""
    to = target(url, key, secret=True)
    source = find_source(to, name)
    if source["kind"] != SourceKind.WEB:
        fail("a tag is for sources of the kind web")
    here = of_this_folder()
    ids = {key["key_id"] for key in source["keys"] if not key["revoked_at"]}
    is_ours = here is not None and any(f"_{key_id}_" in here.write_key for key_id in ids)
    write_key = here.write_key if here is not None and is_ours else "YOUR_WRITE_KEY"
    typer.echo(snippet_of(base_url=ingest_url(to), write_key=write_key))
    if not is_ours:
        _hint(
            f"stageline source key {shlex.quote(source['name'])}",
            "Put a key of this source in the place of YOUR_WRITE_KEY:",
        )


def _confirmed(source: dict[str, Any]) -> bool:
    question = f"Remove {printable(source['name'])} and revoke its keys?"
    return sys.stdin.isatty() and typer.confirm(question)


def _print_result(source: dict[str, Any], what: str, *, as_json: bool) -> None:
    if as_json:
        print_json(source)
    else:
        typer.echo(f"{printable(source['name'])} {what}")


def _warn(sentence: str | None) -> None:
    if sentence is not None:
        typer.secho(sentence, err=True, fg="yellow" if sys.stderr.isatty() else None)


def _hint(command: str, before: str = "Next:") -> None:
    typer.secho(f"{before} {command}", err=True, dim=True)
