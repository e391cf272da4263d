"""Expected errors end in a sentence and an exit code, never in a traceback."""

import sys
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from shared.errors import StagelineError

FAILED = 1
REFUSED = 3
"""The command ran, but something of the input was refused."""


def fail(message: str, code: int = FAILED) -> NoReturn:
    """Print `message` on standard error and exit with `code`."""
    typer.secho(f"stageline: {message}", err=True, fg="red" if sys.stderr.isatty() else None)
    raise typer.Exit(code)


class FriendlyGroup(TyperGroup):
    """A command group that turns expected errors into sentences."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's own context class is private
        """Run the chosen command; an unexpected error keeps its traceback."""
        try:
            return super().invoke(ctx)
        except Exception as exc:
            if (message := sentence(exc)) is None:
                raise
            fail(message)


def sentence(exc: BaseException) -> str | None:
    """Message of an expected error, or None for an error of the program itself."""
    # Imported here: at the top, these libraries would slow the start of every command.
    import httpx  # noqa: PLC0415

    from shared.storage.errors import (  # noqa: PLC0415
        Meaning,
        is_connection_lost,
        meaning_of,
        server_message,
    )

    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    message: str | None
    match exc:
        case StagelineError():
            message = str(exc) or type(exc).__doc__
        case httpx.ConnectError():
            message = "nothing answers at that address; is Stageline running? (make run)"
        case httpx.HTTPError() | httpx.InvalidURL():
            message = f"the request failed: {type(exc).__name__}"
        case OSError(filename=str() as name, strerror=str() as reason):
            message = f"{name}: {reason}"
        case OSError():
            message = f"cannot connect: {exc.strerror or exc}"
        case _ if is_connection_lost(exc):
            message = "the database does not answer; is it running, STAGELINE_DATABASE_URL right?"
        case _ if (refusal := server_message(exc)) is not None:
            message = f"the database refused: {refusal}"
        case _ if meaning_of(exc) is Meaning.BUSY:
            message = "the database is too busy; try again"
        case _:
            message = None
    return message


def printable(text: str) -> str:
    """Untrusted `text` with control characters replaced, so that it cannot steer the terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
