"""The key of the keyed hashes: who may read it, and that docs/privacy.md says the same."""

from tests.conftest import ROOT
from tests.support.database import connected


async def test_ingest_and_the_stager_alone_read_it_as_the_page_says(database_url: str) -> None:
    async with connected(database_url) as owner:
        rows = await owner.fetch(
            "SELECT r AS name FROM unnest(ARRAY['api', 'ingest', 'stager']) AS r"
            " WHERE has_column_privilege('stageline_' || r, 'workspace', 'hash_key', 'SELECT')"
        )

    page = " ".join((ROOT / "docs" / "privacy.md").read_text("utf-8").split())
    assert {row["name"] for row in rows} == {"ingest", "stager"}
    assert "only the database, ingest and the stager can read" in page
