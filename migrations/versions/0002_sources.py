"""Sources, their secrets and newest events; suppressed people; pushed values.

A source's secrets are kept as they are, because a signature can only be checked with the secret itself.
So the wall is drawn inside the table: ingest may read the column, the api's role may write it and read
all the others (decision 0011). The api may make keys now, but none that does more than send events by a
source of its workspace.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

TENANT_TABLES = (
    "source", "source_secret", "source_event", "source_usage", "suppression", "erasure", "kpi_value",
)  # fmt: skip

GRANTS = (
    "GRANT SELECT ON source, source_secret, suppression TO stageline_ingest",
    "GRANT SELECT (workspace_id, journey, version, server_only) ON journey_version TO stageline_ingest",
    "GRANT SELECT, INSERT, DELETE ON source_event TO stageline_ingest",
    "GRANT SELECT, INSERT, UPDATE ON source_usage TO stageline_ingest",
    "GRANT SELECT, INSERT, UPDATE ON suppression TO stageline_stager, stageline_api",
    "GRANT USAGE ON SEQUENCE suppression_change_seq TO stageline_stager, stageline_api",
    "GRANT SELECT, INSERT ON erasure TO stageline_stager",
    "GRANT SELECT ON erasure TO stageline_api",
    "GRANT SELECT, DELETE ON source_event TO stageline_stager",
    "GRANT SELECT, INSERT, UPDATE (name, settings, paused_at), DELETE ON source TO stageline_api",
    """GRANT SELECT (workspace_id, source_id, secret_id, created_at, expires_at), INSERT, DELETE,
       UPDATE (expires_at) ON source_secret TO stageline_api""",
    "GRANT SELECT, DELETE ON source_event, source_usage TO stageline_api",
    """GRANT INSERT (workspace_id, key_id, kind, scopes, secret_hash, label, created_at, expires_at,
       source_id), UPDATE (revoked_at) ON api_key TO stageline_api""",
    """GRANT SELECT (workspace_id, dead_letter_id, message_id, reason, detail, created_at, replayed_at)
       ON dead_letter TO stageline_api""",
    "GRANT SELECT, INSERT, UPDATE ON kpi_value TO stageline_api",
)

_RANDOM_KEY = "decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')"


def upgrade() -> None:
    """Add tables and columns; nothing that exists is rewritten but the few rows of `workspace`."""
    op.add_column(
        "workspace",
        sa.Column(
            "hash_key", sa.LargeBinary(), server_default=sa.text(_RANDOM_KEY), nullable=False
        ),
    )
    op.add_column("api_key", sa.Column("source_id", sa.Text(collation="C"), nullable=True))
    op.add_column(
        "journey_version",
        sa.Column(
            "server_only",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
    )
    op.add_column("dead_letter", sa.Column("message_id", sa.Text(collation="C"), nullable=True))
    op.create_index(
        op.f("dead_letter_workspace_id_message_id_idx"),
        "dead_letter",
        ["workspace_id", "message_id"],
        postgresql_where=sa.text("message_id IS NOT NULL"),
    )
    for column in ("erased", "forgotten"):
        op.add_column(
            "consumer_offset",
            sa.Column(column, sa.BigInteger(), server_default="0", nullable=False),
        )
    _create_sources()
    _create_people()
    for table in TENANT_TABLES:
        _secure(table)
    for grant in GRANTS:
        op.execute(grant)
    # The api may read all of a workspace but the key of the hashes.
    op.execute("REVOKE SELECT ON workspace FROM stageline_api")
    op.execute("GRANT SELECT (workspace_id, name, created_at) ON workspace TO stageline_api")
    _wall_off_keys()


def downgrade() -> None:
    """Drop what `upgrade` added."""
    op.execute("DROP POLICY only_write_keys_of_sources ON api_key")
    op.execute("DROP POLICY only_revoked ON api_key")
    op.execute("REVOKE INSERT, UPDATE ON api_key FROM stageline_api")
    # In reverse order of creation: secrets refer to sources.
    for table in reversed(TENANT_TABLES):
        op.drop_table(table)
    op.execute("DROP SEQUENCE suppression_change_seq")
    op.execute("REVOKE SELECT ON workspace FROM stageline_api")
    op.execute("GRANT SELECT ON workspace TO stageline_api")
    op.execute(
        "REVOKE ALL (workspace_id, journey, version, server_only) ON journey_version FROM stageline_ingest"
    )
    op.execute(
        """REVOKE ALL (workspace_id, dead_letter_id, message_id, reason, detail, created_at, replayed_at)
           ON dead_letter FROM stageline_api"""
    )
    op.drop_index(
        op.f("dead_letter_workspace_id_message_id_idx"),
        table_name="dead_letter",
        postgresql_where=sa.text("message_id IS NOT NULL"),
    )
    op.drop_column("dead_letter", "message_id")
    op.drop_column("consumer_offset", "forgotten")
    op.drop_column("consumer_offset", "erased")
    op.drop_column("journey_version", "server_only")
    op.drop_column("api_key", "source_id")
    op.drop_column("workspace", "hash_key")


_OF_WORKSPACE = "workspace_id = nullif(current_setting('stageline.workspace_id', true), '')::int"
_OTHERWISE = "current_user <> 'stageline_api' OR"


def _wall_off_keys() -> None:
    # Restrictive, so beside the policies that there are: every key may be read before a workspace is
    # known, but the api makes write keys of sources only, and revokes only, and for good. A policy of a
    # role holds for its members as well: the owner of the tables, who is one and no superuser, is not
    # meant.
    op.execute(f"""
        CREATE POLICY only_write_keys_of_sources ON api_key AS RESTRICTIVE
        FOR INSERT TO stageline_api
        WITH CHECK ({_OTHERWISE} {_OF_WORKSPACE} AND kind = 'write'
            AND scopes = '{{events:write}}' AND revoked_at IS NULL AND EXISTS (
                SELECT FROM source WHERE source.workspace_id = api_key.workspace_id
                    AND source.source_id = api_key.source_id
            ))
    """)
    op.execute(f"""
        CREATE POLICY only_revoked ON api_key AS RESTRICTIVE FOR UPDATE TO stageline_api
        USING ({_OTHERWISE} {_OF_WORKSPACE} AND source_id IS NOT NULL AND revoked_at IS NULL)
        WITH CHECK ({_OTHERWISE} {_OF_WORKSPACE} AND revoked_at IS NOT NULL)
    """)


def _secure(table: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY of_workspace ON {table} TO stageline_api"
        f" USING ({_OF_WORKSPACE}) WITH CHECK ({_OF_WORKSPACE})"
    )
    op.execute(
        f"CREATE POLICY all_workspaces ON {table} TO stageline_ingest, stageline_stager, CURRENT_USER"
        " USING (true) WITH CHECK (true)"
    )


def _create_sources() -> None:
    op.create_table(
        "source",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "settings", postgresql.JSON(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.workspace_id"], name=op.f("source_workspace_id_fkey")
        ),
        sa.PrimaryKeyConstraint("workspace_id", "source_id", name=op.f("source_pkey")),
        sa.UniqueConstraint("source_id", name=op.f("source_source_id_key")),
        sa.UniqueConstraint("workspace_id", "name", name=op.f("source_workspace_id_name_key")),
    )
    op.create_table(
        "source_secret",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Text(collation="C"), nullable=False),
        sa.Column("secret_id", sa.UUID(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "source_id"],
            ["source.workspace_id", "source.source_id"],
            name=op.f("source_secret_workspace_id_source_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "workspace_id", "source_id", "secret_id", name=op.f("source_secret_pkey")
        ),
    )
    op.create_table(
        "source_event",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Text(collation="C"), nullable=False),
        sa.Column("source_event_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("message_id", sa.Text(collation="C"), nullable=True),
        sa.Column("event", sa.Text(), nullable=True),
        sa.Column("person", sa.Text(), nullable=True),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint(
            "workspace_id", "source_id", "source_event_id", name=op.f("source_event_pkey")
        ),
    )
    op.create_table(
        "source_usage",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Text(collation="C"), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("accepted", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("refused", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("dropped", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "source_id", "day", name=op.f("source_usage_pkey")),
        postgresql_with={"fillfactor": 50},
    )


def _create_people() -> None:
    op.execute("CREATE SEQUENCE suppression_change_seq")
    op.create_table(
        "suppression",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column(
            "change",
            sa.BigInteger(),
            server_default=sa.text("nextval('suppression_change_seq')"),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("suppressed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_linked", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "digest", name=op.f("suppression_pkey")),
    )
    op.create_index(op.f("suppression_change_idx"), "suppression", ["change"], unique=False)
    op.create_table(
        "erasure",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Text(collation="C"), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("touchpoints", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "message_id", name=op.f("erasure_pkey")),
    )
    op.create_table(
        "kpi_value",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("journey", sa.Text(collation="C"), nullable=False),
        sa.Column("stage", sa.Text(collation="C"), nullable=False),
        sa.Column("kpi", sa.Text(collation="C"), nullable=False),
        sa.Column("segment", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("origin", sa.Text(), server_default="", nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "workspace_id", "journey", "stage", "kpi", "segment", "at",
            name=op.f("kpi_value_pkey"),
        ),
    )  # fmt: skip
