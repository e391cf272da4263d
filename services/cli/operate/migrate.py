"""`stageline migrate`: the database to the newest schema. Safe to run twice, also at once."""

import typer

from migrations.upgrade import upgrade
from shared.settings import CommonSettings, load


def migrate() -> None:
    """Bring the database in STAGELINE_DATABASE_URL to the newest schema; safe to repeat."""
    upgrade(load(CommonSettings).database_url.get_secret_value())
    typer.echo("the database has the newest schema")
