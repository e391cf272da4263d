"""Identity by statements and timelines (decision 0024) instead of a forest of first links.

A name's row keeps person and subject, so every answer stays what it was. Rows with version 0 were
resolved by the old rules; the stager resolves them again from the kept events, on sight and by a job.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_OF_WORKSPACE = "workspace_id = nullif(current_setting('stageline.workspace_id', true), '')::int"


def upgrade() -> None:
    """Change `identifier` without rewriting it, and create the table of statements.

    The index is built in one scan, a few seconds for ten million names. Not CONCURRENTLY: that waits for
    every transaction, and so for other runners of the migrations, which wait for this one.
    """
    op.drop_index("identifier_workspace_id_parent_idx", "identifier")
    for column in ("parent", "linked_at", "linked_by"):
        op.drop_column("identifier", column)
    op.add_column(
        "identifier", sa.Column("version", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.add_column("identifier", sa.Column("users", postgresql.JSON()))
    op.add_column("identifier", sa.Column("accounts", postgresql.JSON()))
    op.create_index(
        "identifier_workspace_id_person_id_idx", "identifier", ["workspace_id", "person_id"]
    )
    op.create_index(
        "identifier_old_rules_idx",
        "identifier",
        ["workspace_id", "identifier"],
        postgresql_where=sa.text("version = 0"),
    )
    _create_statements()
    op.create_table(
        "identity_job",
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("total", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("job", name=op.f("identity_job_pkey")),
    )
    op.execute(
        "INSERT INTO identity_job (job, total, finished_at)"
        " SELECT 'resolve-again', count(*), CASE WHEN count(*) = 0 THEN now() END FROM identifier"
    )
    op.execute("GRANT SELECT, UPDATE ON identity_job TO stageline_stager")


def _create_statements() -> None:
    op.create_table(
        "identity_statement",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("other", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("slot", sa.Text(collation="C"), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("message_id", sa.Text(collation="C"), nullable=False),
        sa.Column("account", sa.Text(collation="C")),
        sa.PrimaryKeyConstraint(
            "workspace_id",
            "name",
            "other",
            "kind",
            "slot",
            name=op.f("identity_statement_pkey"),
        ),
    )
    op.create_index(
        "identity_statement_workspace_id_other_idx", "identity_statement", ["workspace_id", "other"]
    )
    op.execute("ALTER TABLE identity_statement ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE identity_statement FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY of_workspace ON identity_statement TO stageline_api"
        f" USING ({_OF_WORKSPACE}) WITH CHECK ({_OF_WORKSPACE})"
    )
    op.execute(
        "CREATE POLICY all_workspaces ON identity_statement"
        " TO stageline_stager, CURRENT_USER USING (true) WITH CHECK (true)"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON identity_statement TO stageline_stager")
    op.execute("GRANT SELECT ON identity_statement TO stageline_api")


def downgrade() -> None:
    """Restore the columns, empty: an older release resolves each name from the events that follow."""
    op.drop_table("identity_job")
    op.drop_table("identity_statement")
    op.drop_index("identifier_old_rules_idx", "identifier")
    op.drop_index("identifier_workspace_id_person_id_idx", "identifier")
    for column in ("accounts", "users", "version"):
        op.drop_column("identifier", column)
    op.add_column("identifier", sa.Column("parent", sa.Text(collation="C")))
    op.add_column("identifier", sa.Column("linked_at", sa.DateTime(timezone=True)))
    op.add_column("identifier", sa.Column("linked_by", sa.Text(collation="C")))
    op.create_index(
        "identifier_workspace_id_parent_idx",
        "identifier",
        ["workspace_id", "parent"],
        postgresql_where=sa.text("parent IS NOT NULL"),
    )
