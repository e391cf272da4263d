"""`stageline retract`: takes touchpoints, or a whole import, back."""

from time import monotonic, sleep
from typing import Annotated, Any
from urllib.parse import quote

import typer

from services.cli.client.errors import FAILED, fail, printable
from services.cli.client.http import call, print_json
from services.cli.client.target import ApiTarget, home, reading_target, target
from services.cli.importing.progress import clear_import

_WRONG_USAGE = 2
_LOOK_SECONDS = 1.0


def retract(
    message_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="MESSAGE_ID...", help="Message ids as their sender gave them."),
    ] = None,
    *,
    import_id: Annotated[
        str | None, typer.Option("--import", metavar="ID", help="All touchpoints of this import.")
    ] = None,
    reason: Annotated[
        str, typer.Option(help="Why; it is kept with your key's name.")
    ] = "taken back by command",
    source: Annotated[
        str | None, typer.Option(help="Id of the source that sent them; none: keys without one.")
    ] = None,
    takes_all: Annotated[
        bool, typer.Option("--all", help="Every touchpoint with the id, where there are several.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Of an import: wait until all is removed.")
    ] = True,
    url: Annotated[
        str | None, typer.Option(help="Address of Stageline; also STAGELINE_URL.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="Secret key with events:retract; also STAGELINE_SECRET_KEY.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with a JSON object.")] = False,
) -> None:
    """Take touchpoints back, or an import: as if they had never been. Safe to repeat."""
    if bool(message_ids) == bool(import_id):
        fail("name the message ids to take back, or an import by --import", _WRONG_USAGE)
    if import_id and (source or takes_all):
        fail("--source and --all are for message ids", _WRONG_USAGE)
    to = target(url, key, secret=True, at_ingest=True)
    if import_id:
        answer = _delete(to, "imports", import_id, {"reason": reason})
        # Otherwise the same file would go on where its import stopped, under an id that counts no more.
        clear_import(home(), import_id)
        reader = reading_target(url, key)
        if wait and reader is not None:
            answer |= _finished(reader, import_id, is_quiet=as_json)
        print_json(answer) if as_json else typer.echo(_summary(answer))
        return
    parameters = {"reason": reason}
    if source:
        parameters["source"] = source
    if takes_all:
        parameters["all"] = "true"
    answers = [_delete(to, "touchpoints", each, parameters) for each in message_ids or ()]
    ids = [each for answer in answers for each in answer["message_ids"]]
    if as_json:
        print_json({"message_ids": ids})
        return
    typer.echo(f"accepted as event {', '.join(map(printable, ids))}")
    typer.secho("It counts within seconds: stageline timeline", err=True, dim=True)


def _delete(to: ApiTarget, kind: str, name: str, parameters: dict[str, str]) -> dict[str, Any]:
    answer: dict[str, Any] = call(
        to, "DELETE", f"/v1/{kind}/{quote(name, safe='')}", params=parameters
    )
    return answer


def _finished(to: ApiTarget, import_id: str, *, is_quiet: bool) -> dict[str, Any]:
    """What became of the import, once all of it is removed; reports progress on standard error."""
    shown_at = monotonic()
    while True:
        items = call(to, "GET", "/v1/imports", params={"import_id": import_id})["items"]
        retraction = items[0]["retraction"] if items else None
        if retraction is not None and retraction["finished_at"] is not None:
            left = items[0]["touchpoints"]
            if left:
                fail(
                    f"{left:,} touchpoints of the import could not be removed: docs/import.md",
                    FAILED,
                )
            return {"import_id": import_id, "retracted": retraction["retracted"]}
        if retraction is not None and not is_quiet and monotonic() - shown_at > _LOOK_SECONDS:
            shown_at = monotonic()
            done, left = retraction["retracted"], items[0]["touchpoints"]
            typer.secho(f"{done:,} of {done + left:,} touchpoints removed", err=True, dim=True)
        sleep(_LOOK_SECONDS / 5)


def _summary(answer: dict[str, Any]) -> str:
    if "retracted" not in answer:
        return f"accepted as event {', '.join(map(printable, answer['message_ids']))}"
    return f"{answer['retracted']:,} touchpoints of the import taken back"
