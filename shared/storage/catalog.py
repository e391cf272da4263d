"""All tables in one metadata object, for migrations and the tests of isolation."""

from shared.storage import source_tables as _sources  # noqa: F401
from shared.storage import tables as _tables  # noqa: F401
from shared.storage.identity import tables as _identity  # noqa: F401
from shared.storage.retractions import tables as _retractions  # noqa: F401 - defines its tables
from shared.storage.schema import metadata

__all__ = ["TENANT_TABLES", "metadata"]

TENANT_TABLES = tuple(table for table in metadata.sorted_tables if "workspace_id" in table.c)
"""Tables under row-level security."""
