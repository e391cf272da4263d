"""Each workspace's own words of the list of ids that name nobody.

Ingest reads them with the rules of the sources, every few seconds.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Add two columns with a constant default, which rewrites nothing; the api may read them."""
    for name in ("junk_added", "junk_removed"):
        op.add_column(
            "workspace",
            sa.Column(
                name, postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
            ),
        )
    op.execute("GRANT SELECT (junk_added, junk_removed) ON workspace TO stageline_api")


def downgrade() -> None:
    """Drop what `upgrade` added, column privileges with it: the default list holds again."""
    op.drop_column("workspace", "junk_removed")
    op.drop_column("workspace", "junk_added")
