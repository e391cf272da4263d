"""`stageline`: every command, mounted in one place."""

import runpy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module, metadata
from typing import Annotated, Any, ClassVar

import typer
from typer.main import get_group

from services.cli.client.errors import FriendlyGroup
from services.cli.client.target import adopt_folder_database


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """A command that is imported at its first use; with a `help`, a group of commands."""

    module: str
    name: str = "app"
    help: str | None = None
    panel: str | None = None
    group: type[FriendlyGroup] = FriendlyGroup

    def mount(self, name: str, group: typer.Typer) -> None:
        """Import it, and add it to `group` as `name`."""
        command = getattr(import_module(f"services.cli.{self.module}"), self.name)
        if self.help is None:
            group.command(name, rich_help_panel=self.panel)(command)
        else:
            group.add_typer(command, name=name, help=self.help, cls=self.group)


class Commands(FriendlyGroup):
    """A group whose commands are imported when they are called or listed.

    Each imports libraries of its own; imported at the start, they would slow every other command.
    """

    later: ClassVar[Mapping[str, Later]] = {}

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - typer's own context class is private
        """Every name, in the order of the help."""
        self._fetch(*self.later)
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - as above
        """The command of that name, or None."""
        # An unknown name is compared with all of them for a suggestion.
        self._fetch(*([cmd_name] if {cmd_name} & {*self.later, *self.commands} else self.later))
        return super().get_command(ctx, cmd_name)

    def _fetch(self, *names: str) -> None:
        group = typer.Typer()
        for name in names:
            if name in self.later and name not in self.commands:
                self.later[name].mount(name, group)
        for name, command in get_group(group).commands.items():
            self.add_command(command, name)


class SourceCommands(Commands):
    """`stageline source`."""

    later: ClassVar[Mapping[str, Later]] = {
        "test": Later(module="sources.test", name="try_sample"),
        "replay": Later(module="sources.replay", name="replay"),
    }


class Stageline(Commands):
    """`stageline`."""

    later: ClassVar[Mapping[str, Later]] = {
        "events": Later(module="reading.events", name="events", panel="Read"),
        "accounts": Later(module="reading.accounts", name="accounts", panel="Read"),
        "stage": Later(module="reading.stage", name="stage", panel="Read"),
        "explain": Later(module="reading.explain", name="explain", panel="Read"),
        "timeline": Later(module="reading.timeline", name="timeline", panel="Read"),
        "alerts": Later(module="reading.alerts", name="alerts", panel="Read"),
        "migrate": Later(module="operate.migrate", name="migrate", panel="Data"),
        "import": Later(module="importing.command", name="import_file", panel="Data"),
        "retract": Later(module="importing.undo.retract", name="retract", panel="Data"),
        "imports": Later(module="reading.imports", name="imports", panel="Read"),
        "backup": Later(module="operate.backup", name="backup", panel="Data"),
        "restore": Later(module="operate.backup", name="restore", panel="Data"),
        "verify": Later(module="operate.verify", name="verify", panel="Data"),
        "tail": Later(module="sources.tail", name="tail", panel="Data"),
        "dlq": Later(module="operate.dlq", help="Records that could not be applied."),
        "map": Later(module="operate.maps", help="Journey maps."),
        "source": Later(
            module="sources.commands",
            help="Who sends events, and what is done to them.",
            group=SourceCommands,
        ),
        "workspace": Later(module="operate.workspaces", help="Workspaces, apart from each other."),
        "identity": Later(module="identity.commands", help="Who is who."),
        "env": Later(module="operate.environment", name="env", panel="Data"),
        "keys": Later(module="operate.keys", help="API keys."),
    }
    within_import: ClassVar[Mapping[str, Sequence[str]]] = {
        "undo": ("retract", "--import"),
        "list": ("imports",),
    }
    """What follows `import` in place of a file, and the command that it is."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - as above
        """The command of the arguments; a file named like a word of `within_import` needs a `./`."""
        if args[:1] == ["import"] and len(args) > 1 and args[1] in self.within_import:
            args = [*self.within_import[args[1]], *args[2:]]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=Stageline,
    help="The stage of record for customer journeys: touchpoints in, a stage with its cause out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(*, is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"stageline {metadata.version('stageline')}")
        raise typer.Exit


@app.callback()
def prepare(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and end.",
            is_eager=True,
            callback=lambda value: _print_version(is_wanted=value),
        ),
    ] = False,
) -> None:
    """Set the database URL of this folder for the commands that work on it."""
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
