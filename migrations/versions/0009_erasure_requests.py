"""Requests to erase a person that were accepted, so that `:unsuppress` waits until they are carried out.

Ingest writes a request before the event log has it; the stager goes on recording completed ones in
`erasure`. The api compares the two.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0009"
down_revision: str | None = "0007"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_OF_WORKSPACE = "workspace_id = nullif(current_setting('stageline.workspace_id', true), '')::int"


def upgrade() -> None:
    """Create the table: ingest writes it and removes old rows, the api reads what is of its workspace."""
    op.create_table(
        "erasure_request",
        sa.Column("workspace_id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Text(collation="C"), nullable=False),
        sa.Column("digests", postgresql.ARRAY(sa.LargeBinary()), nullable=False),
        sa.Column("record_key", sa.LargeBinary(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "message_id", name=op.f("erasure_request_pkey")),
    )
    op.execute("ALTER TABLE erasure_request ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE erasure_request FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY of_workspace ON erasure_request TO stageline_api"
        f" USING ({_OF_WORKSPACE}) WITH CHECK ({_OF_WORKSPACE})"
    )
    op.execute(
        "CREATE POLICY all_workspaces ON erasure_request"
        " TO stageline_ingest, stageline_stager, CURRENT_USER USING (true) WITH CHECK (true)"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON erasure_request TO stageline_ingest")
    op.execute("GRANT SELECT ON erasure_request TO stageline_api")


def downgrade() -> None:
    """Drop what `upgrade` added."""
    op.drop_table("erasure_request")
