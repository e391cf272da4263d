"""Tables of sources, of their events and usage, and of suppressed people."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Double,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, UUID

from shared.storage.schema import Instant, Ref, metadata

source = Table(
    "source",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("source_id", Ref, nullable=False),
    Column("name", Ref, nullable=False),
    Column("kind", Text, nullable=False),
    Column("settings", JSON, nullable=False, server_default="{}"),
    Column("created_at", Instant, nullable=False),
    Column("paused_at", Instant),
    ForeignKeyConstraint(["workspace_id"], ["workspace.workspace_id"]),
    PrimaryKeyConstraint("workspace_id", "source_id"),
    # A webhook's address names the source alone.
    UniqueConstraint("source_id"),
    UniqueConstraint("workspace_id", "name"),
)

# Several at once while a secret is being changed. The api's role may write `value`, never read it.
source_secret = Table(
    "source_secret",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("source_id", Ref, nullable=False),
    Column("secret_id", UUID, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    ForeignKeyConstraint(
        ["workspace_id", "source_id"],
        ["source.workspace_id", "source.source_id"],
        ondelete="CASCADE",
    ),
    PrimaryKeyConstraint("workspace_id", "source_id", "secret_id"),
)

# The newest events of a source, refused ones included; ingest keeps a few hundred of each source.
source_event = Table(
    "source_event",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("source_id", Ref, nullable=False),
    Column("source_event_id", BigInteger, Identity(), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("route", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("code", Text),
    Column("detail", Text),
    Column("message_id", Ref),
    Column("event", Text),
    Column("person", Text),
    Column("account_id", Text),
    Column("import_id", Ref),
    PrimaryKeyConstraint("workspace_id", "source_id", "source_event_id"),
)

# Duplicates that say something else than the event whose message id they have, by the instant at which
# each was received; the stager removes old ones.
conflicting_event = Table(
    "conflicting_event",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("message_id", Ref, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("source", Text),
    PrimaryKeyConstraint("workspace_id", "message_id", "received_at"),
    Index(None, "received_at"),
)

source_usage = Table(
    "source_usage",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("source_id", Ref, nullable=False),
    Column("day", Date, nullable=False),
    Column("accepted", BigInteger, nullable=False, server_default="0"),
    Column("refused", BigInteger, nullable=False, server_default="0"),
    Column("dropped", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("workspace_id", "source_id", "day"),
    postgresql_with={"fillfactor": 50},
)

# Names of accepted events, with counts; ingest bounds the names of a workspace.
event_name = Table(
    "event_name",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("event", Ref, nullable=False),
    Column("accepted", BigInteger, nullable=False),
    Column("first_seen_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    PrimaryKeyConstraint("workspace_id", "event"),
    postgresql_with={"fillfactor": 50},
)

suppression_change = Sequence("suppression_change_seq", metadata=metadata)
"""A number for each change of the list, so that ingest reads only new changes."""

# One row a name, under its keyed hash; `lifted_at` when the suppression ended.
suppression = Table(
    "suppression",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("change", BigInteger, nullable=False, server_default=suppression_change.next_value()),
    Column("reason", Text, nullable=False, server_default=""),
    Column("suppressed_at", Instant, nullable=False),
    Column("lifted_at", Instant),
    # Of one with the reason `erased`: whether the name led to a stronger one of the same person.
    Column("is_linked", Boolean, nullable=False, server_default=false()),
    # Id of the key that asked for it; none where a person was erased.
    Column("suppressed_by", Text),
    Column("lifted_by", Text),
    PrimaryKeyConstraint("workspace_id", "digest"),
    Index(None, "change"),
)

# Completed requests to erase a person, without the person's name: each counts once.
erasure = Table(
    "erasure",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("message_id", Ref, nullable=False),
    Column("erased_at", Instant, nullable=False),
    Column("touchpoints", BigInteger, nullable=False),
    PrimaryKeyConstraint("workspace_id", "message_id"),
)

# Accepted requests to erase a person, written before the event log has them; old rows are removed.
erasure_request = Table(
    "erasure_request",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("message_id", Ref, nullable=False),
    Column("digests", ARRAY(LargeBinary), nullable=False),
    Column("record_key", LargeBinary, nullable=False),
    Column("requested_at", Instant, nullable=False),
    PrimaryKeyConstraint("workspace_id", "message_id"),
)

# Values of indicators that are measured elsewhere and pushed here.
kpi_value = Table(
    "kpi_value",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("journey", Ref, nullable=False),
    Column("stage", Ref, nullable=False),
    Column("kpi", Ref, nullable=False),
    Column("segment", Ref, nullable=False, server_default=""),
    Column("at", Instant, nullable=False),
    Column("value", Double, nullable=False),
    Column("origin", Text, nullable=False, server_default=""),
    Column("received_at", Instant, nullable=False),
    PrimaryKeyConstraint("workspace_id", "journey", "stage", "kpi", "segment", "at"),
)
