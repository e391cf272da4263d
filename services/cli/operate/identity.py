"""`stageline identity`: who is who."""

import typer

from services.cli.client.errors import FriendlyGroup
from services.cli.operate import junk

app = typer.Typer(no_args_is_help=True)
app.add_typer(junk.app, name="junk", help="Ids that name nobody.", cls=FriendlyGroup)
