"""Tables of what was taken back, as SQLAlchemy Core; migrations/ builds the same (tested)."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
    text,
)

from shared.storage.schema import Instant, Ref, metadata

retraction_change = Sequence("retraction_change_seq", metadata=metadata)
"""A number for each change, so that a stager reads only new ones."""

# One row for each touchpoint (`kind` message, `target` its stored message id) and import that was taken
# back. It stays, and keeps out what arrives later under that id. Of several requests the earliest is named.
retraction = Table(
    "retraction",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("target", Ref, nullable=False),
    Column("change", BigInteger, nullable=False, server_default=retraction_change.next_value()),
    Column("message_id", Ref, nullable=False),
    Column("author", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Column("requested_at", Instant, nullable=False),
    # Touchpoints that were stored, and removed by it.
    Column("touchpoints", BigInteger, nullable=False, server_default="0"),
    Column("finished_at", Instant),
    PrimaryKeyConstraint("workspace_id", "kind", "target"),
    Index(None, "change"),
    Index(
        "retraction_unfinished_idx", "requested_at", postgresql_where=text("finished_at IS NULL")
    ),
)

# Which stored touchpoints an import has. Beside the history, so that ordinary events cost nothing.
imported_event = Table(
    "imported_event",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("import_id", Ref, nullable=False),
    Column("message_id", Ref, nullable=False),
    PrimaryKeyConstraint("workspace_id", "import_id", "message_id"),
)
