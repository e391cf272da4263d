"""Every table of Stageline, as SQLAlchemy Core; migrations/ builds the same (tested).

`workspace_id` leads every key but those of the event log and its offsets, which carry the records of
all workspaces. Text that is compared or sorted in Python as well is COLLATE "C", so that both agree.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, UUID

from shared.storage.schema import Instant, Ref, metadata

RANDOM_KEY = text(
    "decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')"
)

# -- access ----------------------------------------------------------------------------------------

workspace = Table(
    "workspace",
    metadata,
    Column("workspace_id", Integer, Identity(), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    # Key of the keyed hash for personal data; 244 random bits, made by the migration.
    Column("hash_key", LargeBinary, nullable=False, server_default=RANDOM_KEY),
    # The journey of answers to queries that name none; null: the one that was published first.
    Column("default_journey", Ref),
    # Whether it was there before message ids had a scope: its history may hold ids without one.
    Column("has_bare_ids", Boolean, nullable=False, server_default=false()),
    # Words that the workspace adds to the ids that name nobody, and removes from them.
    Column("junk_added", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("junk_removed", ARRAY(Text), nullable=False, server_default=text("'{}'")),
)

api_key = Table(
    "api_key",
    metadata,
    Column("workspace_id", Integer, ForeignKey("workspace.workspace_id"), nullable=False),
    Column("key_id", Ref, nullable=False),
    Column("kind", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("label", Text, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
    Column("source_id", Ref),
    PrimaryKeyConstraint("workspace_id", "key_id"),
    UniqueConstraint("key_id"),
)

# -- maps ------------------------------------------------------------------------------------------

journey_version = Table(
    "journey_version",
    metadata,
    Column("workspace_id", Integer, ForeignKey("workspace.workspace_id"), nullable=False),
    Column("journey", Ref, nullable=False),
    Column("version", Integer, nullable=False),
    # Global and growing: the stager reads publications after number N once a batch.
    Column("publication", BigInteger, Identity(), nullable=False, unique=True),
    Column("definition", JSON, nullable=False),
    Column("source", Text, nullable=False),
    Column("published_at", Instant, nullable=False),
    Column("published_by", Text, nullable=False, server_default=""),
    # Events that a browser may not send: hoisted, because ingest does not read maps.
    Column("server_only", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    # This row ends the journey; publishing it again adds a row that does not.
    Column("is_retired", Boolean, nullable=False, server_default=false()),
    PrimaryKeyConstraint("workspace_id", "journey", "version"),
)

refold_job = Table(
    "refold_job",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("journey", Ref, nullable=False),
    Column("version", Integer, nullable=False),
    Column("cursor", Ref, nullable=False, server_default=""),
    Column("done", BigInteger, nullable=False, server_default="0"),
    Column("total", BigInteger, nullable=False, server_default="0"),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Column("finished_at", Instant),
    PrimaryKeyConstraint("workspace_id", "journey", "version"),
)

# -- journeys --------------------------------------------------------------------------------------

# One row a subject, written once a batch; no index on what changes, so updates stay HOT.
# `version` guards every write: two stagers that touch one subject cannot both commit.
subject = Table(
    "subject",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("subject_id", Ref, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("touchpoints", BigInteger, nullable=False),
    Column("last_occurred_at", Instant),
    Column("last_tie", BigInteger, nullable=False, server_default="0"),
    Column("last_message_id", Ref),
    Column("processed_at", Instant, nullable=False),
    Column("states", LargeBinary, nullable=False),
    Column("account_traits", JSON, nullable=False, server_default="{}"),
    Column("value", Double),
    Column("merged_into", Ref),
    PrimaryKeyConstraint("workspace_id", "subject_id"),
    postgresql_with={"fillfactor": 70},
)

# Subjects with long histories as they were at an instant of the past: what a re-fold can begin at. Row by
# row a function of the touchpoints up to `at`; a history that changes before it replaces or removes it.
subject_snapshot = Table(
    "subject_snapshot",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("subject_id", Ref, nullable=False),
    Column("at", Instant, nullable=False),
    Column("states", LargeBinary, nullable=False),
    Column("account_traits", JSON, nullable=False, server_default="{}"),
    Column("value", Double),
    PrimaryKeyConstraint("workspace_id", "subject_id", "at"),
    ForeignKeyConstraint(
        ["workspace_id", "subject_id"],
        ["subject.workspace_id", "subject.subject_id"],
        ondelete="CASCADE",
    ),
)

# Stage of a subject on a journey; written only when it changes.
placement = Table(
    "placement",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("subject_id", Ref, nullable=False),
    Column("journey", Ref, nullable=False),
    Column("map_version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("stage", Ref),
    Column("outcome", Text),
    Column("cycle", Integer, nullable=False),
    Column("entered_at", Instant),
    Column("stalled_at", Instant),
    Column("milestones", JSON, nullable=False, server_default="{}"),
    Column("version", BigInteger, nullable=False),
    Column("processed_at", Instant, nullable=False),
    PrimaryKeyConstraint("workspace_id", "subject_id", "journey"),
    Index(None, "workspace_id", "journey", "stage", "status", "subject_id"),
    postgresql_with={"fillfactor": 80},
)

# History: the envelope as it was received, and only those columns that are searched by.
touchpoint = Table(
    "touchpoint",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("message_id", Ref, nullable=False),
    Column("subject_id", Ref, nullable=False),
    Column("person_id", Ref),
    Column("occurred_at", Instant, nullable=False),
    Column("tie", BigInteger, nullable=False, server_default="0"),
    Column("processed_at", Instant, nullable=False),
    Column("envelope", JSON, nullable=False),
    PrimaryKeyConstraint("workspace_id", "message_id"),
    # Without the tie, which came later: few events share an instant, and those are sorted as they are read.
    Index(None, "workspace_id", "subject_id", "occurred_at", "message_id"),
)

TOUCHPOINT_ORDER = (touchpoint.c.occurred_at, touchpoint.c.tie, touchpoint.c.message_id)
"""Place of an event in history, as in `shared.journey.model`."""

transition = Table(
    "transition",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("transition_id", BigInteger, Identity(), nullable=False),
    Column("subject_id", Ref, nullable=False),
    Column("journey", Ref, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("from_stage", Ref),
    Column("to_stage", Ref),
    Column("outcome", Text),
    Column("cycle", Integer, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("processed_at", Instant, nullable=False),
    Column("dwell_seconds", Double),
    Column("cause_message_id", Ref),
    Column("cause_event", Text),
    Column("cause_timer", Text),
    Column("rule", Text, nullable=False),
    Column("map_version", Integer, nullable=False),
    Column("superseded_at", Instant),
    PrimaryKeyConstraint("workspace_id", "transition_id"),
    # A subject's current transitions are numbered without gaps or doubles.
    Index(
        "transition_current_key",
        "workspace_id",
        "subject_id",
        "journey",
        "sequence",
        unique=True,
        postgresql_where=text("superseded_at IS NULL"),
    ),
    Index(None, "workspace_id", "subject_id", "transition_id"),
)

# Earliest instant at which time alone may change something; a lower bound, re-armed when it proves
# early, so that ordinary touchpoints do not write here.
deadline = Table(
    "deadline",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("subject_id", Ref, nullable=False),
    Column("journey", Ref, nullable=False),
    Column("due_at", Instant, nullable=False),
    PrimaryKeyConstraint("workspace_id", "subject_id", "journey"),
    Index(None, "due_at"),
)

alert = Table(
    "alert",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("alert_id", UUID, nullable=False),
    Column("kind", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("subject_id", Ref, nullable=False),
    Column("journey", Ref, nullable=False),
    Column("stage", Ref, nullable=False),
    Column("cycle", Integer, nullable=False),
    Column("visit_entered_at", Instant, nullable=False),
    Column("owner", Text),
    Column("opened_at", Instant, nullable=False),
    Column("acknowledged_at", Instant),
    Column("acknowledged_by", Text),
    Column("resolved_at", Instant),
    Column("resolved_by", Text),
    Column("resolution", Text),
    Column("last_touchpoint", JSON),
    Column("value_at_risk", Double),
    Column("evidence", JSON, nullable=False, server_default="{}"),
    Column("summary", Text, nullable=False),
    PrimaryKeyConstraint("workspace_id", "alert_id"),
    # Once a visit, whatever is replayed.
    UniqueConstraint(
        "workspace_id", "subject_id", "journey", "kind", "stage", "cycle", "visit_entered_at",
        name="alert_once_per_visit_key",
    ),
    Index(None, "workspace_id", "opened_at", "alert_id"),
    Index(
        "alert_open_idx",
        "workspace_id", "state", "opened_at", "alert_id",
        postgresql_where=text("state <> 'resolved'"),
    ),
)  # fmt: skip

outbox = Table(
    "outbox",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("outbox_id", BigInteger, Identity(), nullable=False),
    Column("type", Text, nullable=False),
    Column("subject_id", Ref, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    PrimaryKeyConstraint("workspace_id", "outbox_id"),
    Index(None, "created_at"),
)

# -- event log and offsets -------------------------------------------------------------------------

consumer_offset = Table(
    "consumer_offset",
    metadata,
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("first_offset", BigInteger, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("applied", BigInteger, nullable=False, server_default="0"),
    Column("duplicate", BigInteger, nullable=False, server_default="0"),
    Column("dead", BigInteger, nullable=False, server_default="0"),
    # Records of erased people, and the requests; touchpoints deleted because of these.
    Column("erased", BigInteger, nullable=False, server_default="0"),
    Column("forgotten", BigInteger, nullable=False, server_default="0"),
    # Records of what was taken back, and the requests; touchpoints deleted because of these.
    Column("retracted", BigInteger, nullable=False, server_default="0"),
    Column("withdrawn", BigInteger, nullable=False, server_default="0"),
    Column("owner", Text, nullable=False, server_default=""),
    Column("updated_at", Instant, nullable=False),
    PrimaryKeyConstraint("topic", "partition"),
    postgresql_with={"fillfactor": 50},
)

# `workspace_id` is 0 where the record cannot be decoded.
dead_letter = Table(
    "dead_letter",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("dead_letter_id", BigInteger, Identity(), nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("record_offset", BigInteger, nullable=False),
    Column("record_key", LargeBinary),
    Column("record_value", LargeBinary),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),
    Column("published_at", Instant),
    Column("replayed_at", Instant),
    Column("message_id", Ref),
    PrimaryKeyConstraint("workspace_id", "dead_letter_id"),
    UniqueConstraint("topic", "partition", "record_offset"),
    Index(
        None, "workspace_id", "message_id", postgresql_where=text("message_id IS NOT NULL")
    ),
    Index(
        "dead_letter_unpublished_idx", "dead_letter_id",
        postgresql_where=text("published_at IS NULL"),
    ),
)  # fmt: skip

log_partition = Table(
    "log_partition",
    metadata,
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("first_offset", BigInteger, nullable=False, server_default="0"),
    Column("next_offset", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("topic", "partition"),
    postgresql_with={"fillfactor": 50},
)

log_record = Table(
    "log_record",
    metadata,
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("record_offset", BigInteger, nullable=False),
    Column("record_key", LargeBinary),
    Column("record_value", LargeBinary),
    Column("headers", JSON),
    Column("appended_at", Instant, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("topic", "partition", "record_offset"),
)

log_reader = Table(
    "log_reader",
    metadata,
    Column("topic", Text, nullable=False),
    Column("group_id", Text, nullable=False),
    Column("reader_id", UUID, nullable=False),
    Column("backend_pid", Integer, nullable=False),
    Column("seen_at", Instant, nullable=False),
    PrimaryKeyConstraint("topic", "group_id", "reader_id"),
)
