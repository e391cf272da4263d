"""Bringing a database to the newest schema, for `make run`, `stageline migrate` and tests."""

from pathlib import Path


def upgrade(database_url: str) -> None:
    """Bring the database to the newest schema; waits for another runner. Blocks, no event loop."""
    from alembic import command  # noqa: PLC0415 - slow to import, and most commands need no migration
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["database_url"] = database_url
    command.upgrade(config, "head")
