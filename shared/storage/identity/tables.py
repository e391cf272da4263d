"""Tables of who is who, as SQLAlchemy Core; migrations/ builds the same (tested)."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSON

from shared.storage.schema import Instant, Ref, metadata

# Whose a name is: `person_id` and `subject_id` are that person and where it is now, kept with every name so
# that a read is one look-up. The timelines are those of `services/stager/identity`: who used a device, and
# in the row of a person's own id which accounts it was in. Version 0: resolved before decision 0024.
identifier = Table(
    "identifier",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("identifier", Ref, nullable=False),
    Column("person_id", Ref, nullable=False),
    Column("subject_id", Ref, nullable=False),
    Column("version", BigInteger, nullable=False, server_default="0"),
    Column("users", JSON),
    Column("accounts", JSON),
    PrimaryKeyConstraint("workspace_id", "identifier"),
    Index(None, "workspace_id", "person_id"),
    Index(
        "identifier_old_rules_idx",
        "workspace_id",
        "identifier",
        postgresql_where=text("version = 0"),
    ),
    # Other spellings of an address that is an id, for an erasure.
    Index(
        "identifier_folded_idx",
        "workspace_id",
        text("lower(identifier)"),
        postgresql_where=text("identifier LIKE '%@%' AND identifier NOT LIKE 'email:%'"),
    ),
)

# What events say of two names. `slot` is the message id where every statement counts, else empty: then the
# earliest (of a record's account the newest) stands for all equal ones.
identity_statement = Table(
    "identity_statement",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("name", Ref, nullable=False),
    Column("other", Ref, nullable=False),
    Column("kind", Text, nullable=False),
    Column("slot", Ref, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("tie", BigInteger, nullable=False, server_default="0"),
    Column("message_id", Ref, nullable=False),
    Column("account", Ref),
    PrimaryKeyConstraint("workspace_id", "name", "other", "kind", "slot"),
    Index(None, "workspace_id", "other"),
)

# Work on all names that a release asks for; one row a job.
identity_job = Table(
    "identity_job",
    metadata,
    Column("job", Text, primary_key=True),
    Column("done", BigInteger, nullable=False, server_default="0"),
    Column("total", BigInteger, nullable=False, server_default="0"),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Column("finished_at", Instant),
)

member = Table(
    "member",
    metadata,
    Column("workspace_id", Integer, nullable=False),
    Column("subject_id", Ref, nullable=False),
    Column("person_id", Ref, nullable=False),
    Column("role", Text),
    Column("traits", JSON, nullable=False, server_default="{}"),
    Column("first_seen_at", Instant, nullable=False),
    PrimaryKeyConstraint("workspace_id", "subject_id", "person_id"),
    # Subjects of a person: a merge and a person's own journey read them.
    Index(None, "workspace_id", "person_id"),
)
