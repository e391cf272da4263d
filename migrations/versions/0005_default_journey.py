"""The default journey of a workspace, and retired journeys.

A retirement is a row of `journey_version` like a publication, with the definition that it ends: it reaches
every process in the order of the publications, and code that does not know the column goes on with the
map as it was.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Add two columns, which rewrites nothing; the api may read and set the default."""
    op.add_column("workspace", sa.Column("default_journey", sa.Text(collation="C"), nullable=True))
    op.add_column(
        "journey_version",
        sa.Column("is_retired", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.execute("GRANT SELECT (default_journey) ON workspace TO stageline_api")
    op.execute("GRANT UPDATE (default_journey) ON workspace TO stageline_api")


def downgrade() -> None:
    """Drop what `upgrade` added; column privileges go with the column. Retired maps are in force again."""
    op.drop_column("journey_version", "is_retired")
    op.drop_column("workspace", "default_journey")
