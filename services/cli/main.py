"""`stageline`: every command, mounted in one place."""

import runpy

import typer

from services.cli import dlq, keys, maps, source_replay, source_test, sources
from services.cli.connection import adopt_folder_database
from services.cli.friendly import FriendlyGroup
from services.cli.import_file import import_file
from services.cli.migrate import migrate
from services.cli.tail import tail
from services.cli.verify import verify

app = typer.Typer(
    cls=FriendlyGroup,
    help="The stage of record for customer journeys: touchpoints in, a stage with its cause out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def prepare() -> None:
    """Find the database of this folder for the commands that work on it."""
    adopt_folder_database()


@app.command(rich_help_panel="Run")
def run() -> None:
    """Start everything in one process, with its own PostgreSQL."""
    runpy.run_module("services.standalone", run_name="__main__")


@app.command(rich_help_panel="Run")
def ingest() -> None:
    """Start ingest: HTTP in, event log out. Configured by the environment."""
    runpy.run_module("services.ingest", run_name="__main__")


@app.command(rich_help_panel="Run")
def stager() -> None:
    """Start the stager: event log in, stages out. Configured by the environment."""
    runpy.run_module("services.stager", run_name="__main__")


@app.command(rich_help_panel="Run")
def api() -> None:
    """Start the api: stages, history and alerts by HTTP. Configured by the environment."""
    runpy.run_module("services.api", run_name="__main__")


app.command(rich_help_panel="Data")(migrate)
app.command("import", rich_help_panel="Data")(import_file)
app.command(rich_help_panel="Data")(verify)
app.command(rich_help_panel="Data")(tail)
app.add_typer(dlq.app, name="dlq", help="Records that could not be applied.")
app.add_typer(maps.app, name="map", help="Journey maps.")
sources.app.command("test")(source_test.try_sample)
sources.app.command("replay")(source_replay.replay)
app.add_typer(sources.app, name="source", help="Who sends events, and what is done to them.")
app.add_typer(keys.app, name="keys", help="API keys.")
