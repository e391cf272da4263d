"""The order of events of one instant: a tie beside `occurred_at` wherever an event's place is kept.

Stored events have none (0), so they keep their order by message id, and every fold stays what it was.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_COLUMNS = {"touchpoint": "tie", "subject": "last_tie", "identity_statement": "tie"}


def upgrade() -> None:
    """Add columns with a constant default, which rewrites no table, whatever its size."""
    for table, column in _COLUMNS.items():
        op.add_column(table, sa.Column(column, sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop what `upgrade` added: an older release orders events of one instant by message id."""
    for table, column in _COLUMNS.items():
        op.drop_column(table, column)
