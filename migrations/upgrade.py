"""Bringing a database to the newest schema, for `make run`, `stageline migrate` and tests."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any


def upgrade(
    database_url: str, run: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run
) -> None:
    """Bring the database to the newest schema; waits for another runner. Blocks.

    `run` runs a coroutine on an event loop of its own.
    """
    from alembic import command  # noqa: PLC0415 - slow to import, and most commands need no migration
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["database_url"] = database_url
    config.attributes["run"] = run
    command.upgrade(config, "head")
