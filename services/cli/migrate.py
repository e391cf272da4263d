"""`stageline migrate`: the database to the newest schema. Safe to run twice, also at once."""

from pathlib import Path

from alembic import command
from alembic.config import Config

import migrations
from shared.settings import CommonSettings, load


def upgrade(database_url: str) -> None:
    """Bring the database to the newest schema; waits for another runner. Blocks."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["database_url"] = database_url
    command.upgrade(config, "head")


def migrate() -> None:
    """Bring the database in STAGELINE_DATABASE_URL to the newest schema; safe to repeat."""
    upgrade(load(CommonSettings).database_url.get_secret_value())
