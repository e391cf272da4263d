"""`stageline map`: checks maps offline; publishes and shows them through the api."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from services.cli.client.errors import REFUSED, fail
from services.cli.client.http import call, print_json
from services.cli.client.target import target
from services.cli.operate.map_preview import is_large, preview_lines
from shared.clock import SystemClock
from shared.maps import MapDocument, MapInvalid, MapProblem, lint, parse, schema, templates
from shared.wording import counted

app = typer.Typer(no_args_is_help=True)

_ENDPOINT = "/v1/journeys"
_STDIN = Path("-")

_Url = Annotated[str | None, typer.Option(help="Address of the api; also STAGELINE_URL.")]
_Key = Annotated[
    str | None, typer.Option(help="Secret key with maps:write; also STAGELINE_SECRET_KEY.")
]
_Journey = Annotated[str, typer.Argument(help="Key of the journey.")]
_Json = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]


@app.command()
def validate(
    files: Annotated[list[Path], typer.Argument(help="Maps as YAML or JSON; - reads stdin.")],
    *,
    strict: Annotated[bool, typer.Option(help="Warnings fail, too.")] = False,
    as_json: _Json = False,
) -> None:
    """Check maps and give advice, without any server. Exit code 3: a map is refused."""
    findings: list[dict[str, Any]] = []
    errors = warnings = 0
    for file in files:
        found_errors, found_warnings = _check(_text(file))
        errors += len(found_errors)
        warnings += len(found_warnings)
        for severity, problems in (("error", found_errors), ("warning", found_warnings)):
            findings += [_finding(file, severity, problem) for problem in problems]
    if as_json:
        print_json({"errors": errors, "warnings": warnings, "findings": findings})
    else:
        for finding in findings:
            _print_finding(finding)
        typer.echo(
            f"{counted(len(files), 'map')}: {counted(errors, 'error')},"
            f" {counted(warnings, 'warning')}"
        )
    if errors or (strict and warnings):
        raise typer.Exit(REFUSED)


@app.command()
def publish(
    file: Annotated[
        Path, typer.Argument(help="Map as YAML or JSON, or the name of a ready one; - reads stdin.")
    ],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change; publish nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
    url: _Url = None,
    key: _Key = None,
    as_json: _Json = False,
) -> None:
    """Publish a map as the next version of its journey; the history is folded again with it.

    On a terminal it asks first if more than a tenth of the accounts on the journey would move. Scripts are
    not asked; `map rollback` is the way back.
    """
    text = _text(file)
    errors, warnings = _check(text)
    for severity, problems in (("error", errors), ("warning", warnings)):
        for problem in problems:
            _print_finding(_finding(file, severity, problem), err=True)
    if errors:
        fail("the map is not published", REFUSED)
    to = target(url, key, secret=True)
    body: dict[str, Any] = {"content": text, "headers": {"content-type": "application/yaml"}}
    if dry_run:
        preview = call(to, "POST", f"{_ENDPOINT}:preview", **body)
        if as_json:
            print_json(preview)
        else:
            typer.echo("\n".join([*preview_lines(preview), "nothing was published"]))
        return
    if not yes and sys.stdin.isatty() and sys.stdout.isatty():
        preview = call(to, "POST", f"{_ENDPOINT}:preview", **body)
        if is_large(preview):
            typer.echo("\n".join(preview_lines(preview)))
            typer.confirm("Publish it?", abort=True)
    answer = call(to, "POST", _ENDPOINT, **body)
    if as_json:
        print_json(answer)
    elif answer["changed"]:
        typer.echo(f"{answer['key']} version {answer['version']} is published")
    else:
        typer.echo(f"{answer['key']} version {answer['version']} says the same already")


@app.command("list")
def list_(*, url: _Url = None, key: _Key = None, as_json: _Json = False) -> None:
    """List the journeys in force, each in its newest version."""
    answer = call(target(url, key, secret=True), "GET", _ENDPOINT)
    if as_json:
        print_json(answer)
        return
    table = Table(
        Column("journey", no_wrap=True),  # to be copied
        "default",
        Column("version", no_wrap=True),
        "subject",
        "stages",
        Column("published", no_wrap=True),
        box=None,
        padding=(0, 2, 0, 0),
    )
    for item in answer["items"]:
        table.add_row(
            escape(item["key"]),
            "yes" if item["is_default"] else "",
            str(item["version"]),
            escape(item["subject"]),
            escape(" > ".join(item["stages"])),
            escape(item["published_at"][: len("2026-03-01")]),
        )
    Console().print(table)


@app.command()
def show(
    journey: _Journey,
    *,
    version: Annotated[int | None, typer.Option(min=1, help="Default: the newest.")] = None,
    url: _Url = None,
    key: _Key = None,
    as_json: _Json = False,
) -> None:
    """Print a published map as its author wrote it; with --json as data."""
    parameters = {} if version is None else {"version": str(version)}
    answer = call(target(url, key, secret=True), "GET", _path(journey), params=parameters)
    if as_json:
        print_json(answer)
    else:
        typer.echo(answer["source"], nl=not answer["source"].endswith("\n"))


@app.command("default")
def default_(
    journey: _Journey,
    *,
    url: _Url = None,
    key: _Key = None,
    as_json: _Json = False,
) -> None:
    """Make a journey the one that answers queries which name none."""
    answer = call(target(url, key, secret=True), "POST", f"{_path(journey)}:make_default")
    if as_json:
        print_json(answer)
    else:
        typer.echo(f"{answer['key']} is the default journey")


@app.command()
def retire(
    journey: _Journey,
    *,
    url: _Url = None,
    key: _Key = None,
    as_json: _Json = False,
) -> None:
    """End a journey: its placements go, its open alerts are resolved; publishing it again undoes that."""
    answer = call(target(url, key, secret=True), "POST", f"{_path(journey)}:retire")
    if as_json:
        print_json(answer)
    elif answer["changed"]:
        typer.echo(f"{answer['key']} is retired; its placements and alerts go in the background")
        typer.echo(f"To undo: stageline map rollback {shlex.quote(journey)}")
    else:
        typer.echo(f"{answer['key']} is retired already")


@app.command()
def rollback(
    journey: _Journey,
    *,
    url: _Url = None,
    key: _Key = None,
    as_json: _Json = False,
) -> None:
    """Publish the map before the present one again; of a retired journey, the map that was retired."""
    answer = call(target(url, key, secret=True), "POST", f"{_path(journey)}:rollback")
    if as_json:
        print_json(answer)
    else:
        typer.echo(
            f"{answer['key']} version {answer['version']} is published;"
            f" it has the map of version {answer['restored']}"
        )


@app.command("templates")
def templates_(
    name: Annotated[str | None, typer.Argument(help="Print this one.")] = None,
) -> None:
    """List the ready maps, or print one of them to begin your own with."""
    if name is not None:
        if name not in templates.names():
            fail(f"no ready map of that name; there are: {', '.join(templates.names())}")
        typer.echo(templates.read(name), nl=False)
        return
    table = Table("name", "subject", "stages")
    for each in templates.names():
        document = parse(templates.read(each))
        mark = " (default)" if each == templates.DEFAULT else ""
        stages = " > ".join(stage.title for stage in document.stages)
        table.add_row(f"{each}{mark}", document.subject, stages)
    Console().print(table)


@app.command("schema")
def schema_() -> None:
    """Print the JSON Schema of maps, for editors."""
    typer.echo(schema.as_text(), nl=False)


def _path(journey: str) -> str:
    return f"{_ENDPOINT}/{quote(journey, safe='')}"


def _text(file: Path) -> bytes:
    """Text of a map: of the file, else of the template of that name. Raises OSError."""
    if file == _STDIN:
        return sys.stdin.buffer.read()
    if not file.exists() and str(file) in templates.names():
        return templates.read(str(file)).encode()
    if not file.exists():
        name = templates.DEFAULT
        begin = f"stageline map templates {name} > {shlex.quote(file.name)}"
        fail(f"{file}: no such file, and no ready map of that name; to begin with one: {begin}")
    return file.read_bytes()


def _check(text: bytes) -> tuple[list[MapProblem], list[MapProblem]]:
    try:
        document: MapDocument = parse(text)
    except MapInvalid as exc:
        return list(exc.problems), []
    return [], lint(document, today=SystemClock().now().date())


def _finding(file: Path, severity: str, problem: MapProblem) -> dict[str, Any]:
    return {
        "file": "stdin" if file == _STDIN else str(file),
        "severity": severity,
        "line": problem.line,
        "column": problem.column,
        "path": problem.path,
        "message": problem.message,
        "hint": problem.hint,
    }


def _print_finding(finding: dict[str, Any], *, err: bool = False) -> None:
    # Editors and terminals make a link of `file:line:column:`.
    place = ":".join(
        str(part) for part in (finding["file"], finding["line"], finding["column"]) if part
    )
    path = f" {finding['path']}:" if finding["path"] else ""
    typer.echo(f"{place}: {finding['severity']}:{path} {finding['message']}", err=err)
    if finding["hint"]:
        typer.echo(f"    {finding['hint']}", err=err)
