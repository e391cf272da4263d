"""The names of the events that each workspace has sent, with counts.

Ingest adds to them in the background. The touchpoints hold the same,
but counting them would read the whole history.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_OF_WORKSPACE = "workspace_id = nullif(current_setting('stageline.workspace_id', true), '')::int"


def upgrade() -> None:
    """Create the table: ingest writes it, the api reads what is of its workspace."""
    op.create_table(
        "event_name",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("event", sa.Text(collation="C"), nullable=False),
        sa.Column("accepted", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "event", name=op.f("event_name_pkey")),
        postgresql_with={"fillfactor": 50},
    )
    op.execute("ALTER TABLE event_name ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE event_name FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY of_workspace ON event_name TO stageline_api"
        f" USING ({_OF_WORKSPACE}) WITH CHECK ({_OF_WORKSPACE})"
    )
    op.execute(
        "CREATE POLICY all_workspaces ON event_name"
        " TO stageline_ingest, stageline_stager, CURRENT_USER USING (true) WITH CHECK (true)"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON event_name TO stageline_ingest")
    op.execute("GRANT SELECT ON event_name TO stageline_api")


def downgrade() -> None:
    """Drop what `upgrade` added."""
    op.drop_table("event_name")
