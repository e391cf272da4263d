"""Snapshots of subjects with long histories, from which a late event folds on (decision 0030).

The table begins empty: the first re-fold of a long history fills it for that subject.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Create the table, for the stager alone: the api reads placements and transitions."""
    op.create_table(
        "subject_snapshot",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Text(collation="C"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("states", sa.LargeBinary(), nullable=False),
        sa.Column(
            "account_traits", postgresql.JSON(), nullable=False, server_default=sa.text("'{}'")
        ),
        sa.Column("value", sa.Double()),
        sa.PrimaryKeyConstraint(
            "workspace_id", "subject_id", "at", name=op.f("subject_snapshot_pkey")
        ),
        # Deleted with the subject by a release before this one, too, which may still run.
        sa.ForeignKeyConstraint(
            ["workspace_id", "subject_id"],
            ["subject.workspace_id", "subject.subject_id"],
            name=op.f("subject_snapshot_workspace_id_subject_id_fkey"),
            ondelete="CASCADE",
        ),
    )
    op.execute("ALTER TABLE subject_snapshot ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE subject_snapshot FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY all_workspaces ON subject_snapshot"
        " TO stageline_stager, CURRENT_USER USING (true) WITH CHECK (true)"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON subject_snapshot TO stageline_stager")


def downgrade() -> None:
    """Drop the table: an older release folds whole histories."""
    op.drop_table("subject_snapshot")
