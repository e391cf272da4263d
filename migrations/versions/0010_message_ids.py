"""Message ids with a scope: which workspaces hold ids without one, and duplicates that say something else.

Rows keep their ids: rewriting the key of the whole history would take hours. The stager looks for an event
under its bare id as well, in the workspaces that were there before.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_OF_WORKSPACE = "workspace_id = nullif(current_setting('stageline.workspace_id', true), '')::int"


def upgrade() -> None:
    """Mark the workspaces that somebody can have sent to, and create the table."""
    op.add_column(
        "workspace",
        sa.Column("has_bare_ids", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.execute(
        "UPDATE workspace w SET has_bare_ids = true WHERE"
        " EXISTS (SELECT FROM touchpoint t WHERE t.workspace_id = w.workspace_id)"
        " OR EXISTS (SELECT FROM api_key k WHERE k.workspace_id = w.workspace_id)"
        " OR EXISTS (SELECT FROM source s WHERE s.workspace_id = w.workspace_id)"
    )
    op.create_table(
        "conflicting_event",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Text(collation="C"), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint(
            "workspace_id", "message_id", "received_at", name=op.f("conflicting_event_pkey")
        ),
    )
    op.create_index(op.f("conflicting_event_received_at_idx"), "conflicting_event", ["received_at"])
    op.execute("ALTER TABLE conflicting_event ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE conflicting_event FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY of_workspace ON conflicting_event TO stageline_api"
        f" USING ({_OF_WORKSPACE}) WITH CHECK ({_OF_WORKSPACE})"
    )
    op.execute(
        "CREATE POLICY all_workspaces ON conflicting_event"
        " TO stageline_stager, CURRENT_USER USING (true) WITH CHECK (true)"
    )
    op.execute("GRANT SELECT, INSERT, DELETE ON conflicting_event TO stageline_stager")
    op.execute("GRANT SELECT ON conflicting_event TO stageline_api")


def downgrade() -> None:
    """Drop what `upgrade` added."""
    op.drop_table("conflicting_event")
    op.drop_column("workspace", "has_bare_ids")
