"""The foundation: tables, roles of the services, row-level security, the first workspace.

Three walls hold one workspace apart from another: keys lead to exactly one workspace, every key of
every table begins with it, and the api's role sees only rows of the workspace that its connection is
set to (`stageline.workspace_id`; unset means no rows). Ingest and stager serve all workspaces at once
and have a policy of their own that says so.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


ROLES = ("stageline_ingest", "stageline_stager", "stageline_api")

TENANT_TABLES = (
    "workspace", "api_key", "journey_version", "refold_job", "identifier", "member", "subject",
    "placement", "touchpoint", "transition", "deadline", "alert", "outbox", "dead_letter",
)  # fmt: skip

GRANTS = (
    "GRANT SELECT ON workspace, api_key TO stageline_ingest, stageline_stager, stageline_api",
    "GRANT SELECT, INSERT, UPDATE ON log_partition TO stageline_ingest, stageline_stager",
    "GRANT SELECT, INSERT ON log_record TO stageline_ingest",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON log_record TO stageline_stager",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON log_reader TO stageline_stager",
    """GRANT SELECT, INSERT, UPDATE, DELETE ON consumer_offset, identifier, member, subject, placement,
       touchpoint, transition, deadline, alert, outbox, dead_letter, refold_job TO stageline_stager""",
    "GRANT SELECT ON journey_version TO stageline_stager",
    """GRANT SELECT ON identifier, member, subject, placement, touchpoint, transition, deadline, alert,
       journey_version, refold_job, consumer_offset TO stageline_api""",
    "GRANT INSERT ON journey_version, refold_job TO stageline_api",
    "GRANT UPDATE ON alert TO stageline_api",
    "GRANT INSERT ON outbox TO stageline_api",
)


def _create_role(role: str) -> None:
    # Roles belong to the cluster, tables to a database: another database may have made them, even
    # at this moment. Where an administrator has made them, the migrating user needs no right to.
    op.execute(f"""
        DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
                CREATE ROLE {role} NOLOGIN NOBYPASSRLS;
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END $$
    """)
    op.execute(f"""
        DO $$ BEGIN
            EXECUTE format('GRANT {role} TO %I', current_user);
        EXCEPTION WHEN OTHERS THEN
            RAISE NOTICE '% may not be granted to the migrating user', '{role}';
        END $$
    """)
    op.execute(f"GRANT USAGE ON SCHEMA public TO {role}")


def _secure(table: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    # An empty string is what a setting reads as after a transaction-local value has gone.
    of_workspace = "workspace_id = nullif(current_setting('stageline.workspace_id', true), '')::int"
    every_row = " OR true" if table == "api_key" else ""
    op.execute(
        f"CREATE POLICY of_workspace ON {table} TO stageline_api"
        f" USING ({of_workspace}{every_row}) WITH CHECK ({of_workspace})"
    )
    op.execute(
        f"CREATE POLICY all_workspaces ON {table} TO stageline_ingest, stageline_stager, CURRENT_USER"
        " USING (true) WITH CHECK (true)"
    )


def upgrade() -> None:
    """Build everything."""
    _create_tables()
    for role in ROLES:
        _create_role(role)
    for grant in GRANTS:
        op.execute(grant)
    for table in TENANT_TABLES:
        _secure(table)
    op.execute("INSERT INTO workspace (name) VALUES ('default')")


def downgrade() -> None:
    """Drop everything but the roles, which other databases of the cluster may use."""
    _drop_tables()


def _create_tables() -> None:
    op.create_table(
        "alert",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("alert_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(collation="C"), nullable=False),
        sa.Column("journey", sa.Text(collation="C"), nullable=False),
        sa.Column("stage", sa.Text(collation="C"), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("visit_entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.Column("last_touchpoint", postgresql.JSON(astext_type=sa.Text()), nullable=True),
        sa.Column("value_at_risk", sa.Double(), nullable=True),
        sa.Column(
            "evidence", postgresql.JSON(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "alert_id", name=op.f("alert_pkey")),
        sa.UniqueConstraint(
            "workspace_id",
            "subject_id",
            "journey",
            "kind",
            "stage",
            "cycle",
            "visit_entered_at",
            name="alert_once_per_visit_key",
        ),
    )
    op.create_index(
        "alert_open_idx",
        "alert",
        ["workspace_id", "state", "opened_at", "alert_id"],
        unique=False,
        postgresql_where=sa.text("state <> 'resolved'"),
    )
    op.create_index(
        op.f("alert_workspace_id_opened_at_alert_id_idx"),
        "alert",
        ["workspace_id", "opened_at", "alert_id"],
        unique=False,
    )
    op.create_table(
        "consumer_offset",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("first_offset", sa.BigInteger(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.Column("applied", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("duplicate", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("dead", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("owner", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition", name=op.f("consumer_offset_pkey")),
        postgresql_with={"fillfactor": 50},
    )
    op.create_table(
        "dead_letter",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("dead_letter_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("record_offset", sa.BigInteger(), nullable=False),
        sa.Column("record_key", sa.LargeBinary(), nullable=True),
        sa.Column("record_value", sa.LargeBinary(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replayed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "dead_letter_id", name=op.f("dead_letter_pkey")),
        sa.UniqueConstraint(
            "topic",
            "partition",
            "record_offset",
            name=op.f("dead_letter_topic_partition_record_offset_key"),
        ),
    )
    op.create_index(
        "dead_letter_unpublished_idx",
        "dead_letter",
        ["dead_letter_id"],
        unique=False,
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.create_table(
        "deadline",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Text(collation="C"), nullable=False),
        sa.Column("journey", sa.Text(collation="C"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "workspace_id", "subject_id", "journey", name=op.f("deadline_pkey")
        ),
    )
    op.create_index(op.f("deadline_due_at_idx"), "deadline", ["due_at"], unique=False)
    op.create_table(
        "identifier",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("identifier", sa.Text(collation="C"), nullable=False),
        sa.Column("parent", sa.Text(collation="C"), nullable=True),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("linked_by", sa.Text(collation="C"), nullable=True),
        sa.Column("person_id", sa.Text(collation="C"), nullable=False),
        sa.Column("subject_id", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "identifier", name=op.f("identifier_pkey")),
    )
    op.create_index(
        op.f("identifier_workspace_id_parent_idx"),
        "identifier",
        ["workspace_id", "parent"],
        unique=False,
        postgresql_where=sa.text("parent IS NOT NULL"),
    )
    op.create_table(
        "log_partition",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("first_offset", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_offset", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition", name=op.f("log_partition_pkey")),
        postgresql_with={"fillfactor": 50},
    )
    op.create_table(
        "log_reader",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("reader_id", sa.UUID(), nullable=False),
        sa.Column("backend_pid", sa.Integer(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("topic", "group_id", "reader_id", name=op.f("log_reader_pkey")),
    )
    op.create_table(
        "log_record",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("record_offset", sa.BigInteger(), nullable=False),
        sa.Column("record_key", sa.LargeBinary(), nullable=True),
        sa.Column("record_value", sa.LargeBinary(), nullable=True),
        sa.Column("headers", postgresql.JSON(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "appended_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint(
            "topic", "partition", "record_offset", name=op.f("log_record_pkey")
        ),
    )
    op.create_table(
        "member",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Text(collation="C"), nullable=False),
        sa.Column("person_id", sa.Text(collation="C"), nullable=False),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column(
            "traits", postgresql.JSON(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "workspace_id", "subject_id", "person_id", name=op.f("member_pkey")
        ),
    )
    op.create_index(
        op.f("member_workspace_id_person_id_idx"),
        "member",
        ["workspace_id", "person_id"],
        unique=False,
    )
    op.create_table(
        "outbox",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("outbox_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(collation="C"), nullable=False),
        sa.Column("payload", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "outbox_id", name=op.f("outbox_pkey")),
    )
    op.create_index(op.f("outbox_created_at_idx"), "outbox", ["created_at"], unique=False)
    op.create_table(
        "placement",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Text(collation="C"), nullable=False),
        sa.Column("journey", sa.Text(collation="C"), nullable=False),
        sa.Column("map_version", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(collation="C"), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stalled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "milestones",
            postgresql.JSON(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "workspace_id", "subject_id", "journey", name=op.f("placement_pkey")
        ),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index(
        op.f("placement_workspace_id_journey_stage_status_subject_id_idx"),
        "placement",
        ["workspace_id", "journey", "stage", "status", "subject_id"],
        unique=False,
    )
    op.create_table(
        "refold_job",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("journey", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("total", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "journey", "version", name=op.f("refold_job_pkey")),
    )
    op.create_table(
        "subject",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("touchpoints", sa.BigInteger(), nullable=False),
        sa.Column("last_occurred_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_message_id", sa.Text(collation="C"), nullable=True),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("states", sa.LargeBinary(), nullable=False),
        sa.Column(
            "account_traits",
            postgresql.JSON(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("merged_into", sa.Text(collation="C"), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "subject_id", name=op.f("subject_pkey")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_table(
        "touchpoint",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Text(collation="C"), nullable=False),
        sa.Column("subject_id", sa.Text(collation="C"), nullable=False),
        sa.Column("person_id", sa.Text(collation="C"), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("envelope", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "message_id", name=op.f("touchpoint_pkey")),
    )
    op.create_index(
        op.f("touchpoint_workspace_id_subject_id_occurred_at_message_id_idx"),
        "touchpoint",
        ["workspace_id", "subject_id", "occurred_at", "message_id"],
        unique=False,
    )
    op.create_table(
        "transition",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("transition_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("subject_id", sa.Text(collation="C"), nullable=False),
        sa.Column("journey", sa.Text(collation="C"), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("from_stage", sa.Text(collation="C"), nullable=True),
        sa.Column("to_stage", sa.Text(collation="C"), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dwell_seconds", sa.Double(), nullable=True),
        sa.Column("cause_message_id", sa.Text(collation="C"), nullable=True),
        sa.Column("cause_event", sa.Text(), nullable=True),
        sa.Column("cause_timer", sa.Text(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("map_version", sa.Integer(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "transition_id", name=op.f("transition_pkey")),
    )
    op.create_index(
        "transition_current_key",
        "transition",
        ["workspace_id", "subject_id", "journey", "sequence"],
        unique=True,
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.create_index(
        op.f("transition_workspace_id_subject_id_transition_id_idx"),
        "transition",
        ["workspace_id", "subject_id", "transition_id"],
        unique=False,
    )
    op.create_table(
        "workspace",
        sa.Column("workspace_id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("workspace_pkey")),
        sa.UniqueConstraint("name", name=op.f("workspace_name_key")),
    )
    op.create_table(
        "api_key",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "scopes", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("label", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.workspace_id"], name=op.f("api_key_workspace_id_fkey")
        ),
        sa.PrimaryKeyConstraint("workspace_id", "key_id", name=op.f("api_key_pkey")),
        sa.UniqueConstraint("key_id", name=op.f("api_key_key_id_key")),
    )
    op.create_table(
        "journey_version",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("journey", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("publication", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("definition", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspace.workspace_id"],
            name=op.f("journey_version_workspace_id_fkey"),
        ),
        sa.PrimaryKeyConstraint(
            "workspace_id", "journey", "version", name=op.f("journey_version_pkey")
        ),
        sa.UniqueConstraint("publication", name=op.f("journey_version_publication_key")),
    )


def _drop_tables() -> None:
    op.drop_table("journey_version")
    op.drop_table("api_key")
    op.drop_table("workspace")
    op.drop_index(
        op.f("transition_workspace_id_subject_id_transition_id_idx"), table_name="transition"
    )
    op.drop_index(
        "transition_current_key",
        table_name="transition",
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.drop_table("transition")
    op.drop_index(
        op.f("touchpoint_workspace_id_subject_id_occurred_at_message_id_idx"),
        table_name="touchpoint",
    )
    op.drop_table("touchpoint")
    op.drop_table("subject")
    op.drop_table("refold_job")
    op.drop_index(
        op.f("placement_workspace_id_journey_stage_status_subject_id_idx"), table_name="placement"
    )
    op.drop_table("placement")
    op.drop_index(op.f("outbox_created_at_idx"), table_name="outbox")
    op.drop_table("outbox")
    op.drop_index(op.f("member_workspace_id_person_id_idx"), table_name="member")
    op.drop_table("member")
    op.drop_table("log_record")
    op.drop_table("log_reader")
    op.drop_table("log_partition")
    op.drop_index(
        op.f("identifier_workspace_id_parent_idx"),
        table_name="identifier",
        postgresql_where=sa.text("parent IS NOT NULL"),
    )
    op.drop_table("identifier")
    op.drop_index(op.f("deadline_due_at_idx"), table_name="deadline")
    op.drop_table("deadline")
    op.drop_index(
        "dead_letter_unpublished_idx",
        table_name="dead_letter",
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.drop_table("dead_letter")
    op.drop_table("consumer_offset")
    op.drop_index(op.f("alert_workspace_id_opened_at_alert_id_idx"), table_name="alert")
    op.drop_index(
        "alert_open_idx", table_name="alert", postgresql_where=sa.text("state <> 'resolved'")
    )
    op.drop_table("alert")
