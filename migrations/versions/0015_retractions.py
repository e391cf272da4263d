"""Retractions: what was taken back, which import an event came by, and how many records that concerns.

No touchpoint is rewritten: which events an import has stands in a table of its own, so neither the history
nor the stager's insert of an ordinary event gets wider. Ingest may see which message ids there are, and
nothing else of a touchpoint. Secret keys that hold every scope of the first release get the new one.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_OF_WORKSPACE = "workspace_id = nullif(current_setting('stageline.workspace_id', true), '')::int"
_GRANTS = (
    "GRANT SELECT, INSERT, UPDATE ON retraction TO stageline_stager",
    "GRANT USAGE ON SEQUENCE retraction_change_seq TO stageline_stager",
    "GRANT SELECT, INSERT, DELETE ON imported_event TO stageline_stager",
    "GRANT SELECT ON retraction, imported_event TO stageline_api",
    "GRANT SELECT ON imported_event TO stageline_ingest",
    "GRANT SELECT (workspace_id, message_id) ON touchpoint TO stageline_ingest",
)
_GRANT_SCOPE = """
    UPDATE api_key SET scopes = scopes || 'events:retract'::text
    WHERE kind = 'secret' AND NOT 'events:retract' = ANY (scopes)
      AND scopes @> '{events:write,stages:read,alerts:write,maps:write,kpis:write,people:write,'
                    'people:erase,sources:read,sources:write}'
"""


def upgrade() -> None:
    """Create both tables, and add the count and the scope."""
    op.execute("CREATE SEQUENCE retraction_change_seq")
    op.create_table(
        "retraction",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(collation="C"), nullable=False),
        sa.Column(
            "change",
            sa.BigInteger(),
            server_default=sa.text("nextval('retraction_change_seq')"),
            nullable=False,
        ),
        sa.Column("message_id", sa.Text(collation="C"), nullable=False),
        sa.Column("author", sa.Text(), nullable=False, server_default=""),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("touchpoints", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "kind", "target", name=op.f("retraction_pkey")),
    )
    op.create_index(op.f("retraction_change_idx"), "retraction", ["change"])
    op.create_index(
        "retraction_unfinished_idx",
        "retraction",
        ["requested_at"],
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_table(
        "imported_event",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("import_id", sa.Text(collation="C"), nullable=False),
        sa.Column("message_id", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint(
            "workspace_id", "import_id", "message_id", name=op.f("imported_event_pkey")
        ),
    )
    for table, roles in (
        ("retraction", "stageline_stager"),
        ("imported_event", "stageline_ingest, stageline_stager"),
    ):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY of_workspace ON {table} TO stageline_api"
            f" USING ({_OF_WORKSPACE}) WITH CHECK ({_OF_WORKSPACE})"
        )
        op.execute(
            f"CREATE POLICY all_workspaces ON {table} TO {roles}, CURRENT_USER"
            " USING (true) WITH CHECK (true)"
        )
    op.add_column("source_event", sa.Column("import_id", sa.Text(collation="C"), nullable=True))
    for count in ("retracted", "withdrawn"):
        op.add_column(
            "consumer_offset",
            sa.Column(count, sa.BigInteger(), nullable=False, server_default="0"),
        )
    for grant in _GRANTS:
        op.execute(grant)
    op.execute(_GRANT_SCOPE)


def downgrade() -> None:
    """Drop what `upgrade` added; events that were taken back stay away."""
    op.execute("UPDATE api_key SET scopes = array_remove(scopes, 'events:retract')")
    op.execute("REVOKE SELECT (workspace_id, message_id) ON touchpoint FROM stageline_ingest")
    op.drop_column("source_event", "import_id")
    op.drop_column("consumer_offset", "withdrawn")
    op.drop_column("consumer_offset", "retracted")
    op.drop_table("imported_event")
    op.drop_table("retraction")
    op.execute("DROP SEQUENCE retraction_change_seq")
