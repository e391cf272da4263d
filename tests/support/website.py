"""The source of the write key, opened as the welcome of `make run` prints it."""

from datetime import datetime

from services.standalone.bootstrap import WEBSITE
from shared.ids import DEFAULT_WORKSPACE
from shared.sources.settings_reader import read_settings
from shared.sources.source import SourceKind
from shared.storage import source_changes
from tests.support.database import owner_transaction

OPEN = {"value": "keep", "account_traits": "keep", "joins": "keep", "max_age_days": 36_500}


async def make_open_website(database_url: str, now: datetime) -> None:
    """Make `website` before `bootstrap` does, for stories of the past, with amounts and traits.

    Made before, so that no process has read other settings of it.
    """
    async with owner_transaction(database_url) as connection:
        if await source_changes.by_name(connection, DEFAULT_WORKSPACE, WEBSITE) is None:
            await source_changes.create(
                connection,
                workspace_id=DEFAULT_WORKSPACE,
                name=WEBSITE,
                kind=SourceKind.WEB,
                settings=read_settings(OPEN),
                now=now,
            )
