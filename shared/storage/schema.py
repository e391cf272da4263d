"""What all table definitions share: the naming of constraints, and two column types."""

from sqlalchemy import DateTime, MetaData, Text

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)

Instant = DateTime(timezone=True)
Ref = Text(collation="C")
"""Text that is compared or sorted in Python as well: COLLATE "C", so that both agree."""
