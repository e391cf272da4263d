"""`stageline env`: address and keys of this folder as variables for a shell."""

import shlex

import typer

from services.cli.client.errors import fail
from services.cli.client.target import exports, home, of_this_folder


def env() -> None:
    """Print address and keys as exports: eval "$(stageline env)"."""
    here = of_this_folder()
    if here is None:
        fail(
            f"there are no keys in {home()}: run this where `make run` was started,"
            " or set STAGELINE_HOME to its data folder"
        )
    for name, value in exports(here).items():
        typer.echo(f"export {name}={shlex.quote(value)}")
