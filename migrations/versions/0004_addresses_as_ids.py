"""An index for ids that are e-mail addresses, whatever the case in which they were sent.

An erasure deletes a person under every spelling of their address. `user:Ann@x.example` and
`user:ann@x.example` are two rows of `identifier`; without the index an erasure would read all of them.
The names that begin with `email:` are stored in lower case and need none.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_CREATE = """
CREATE INDEX identifier_folded_idx ON identifier (workspace_id, lower(identifier))
WHERE identifier LIKE '%@%' AND identifier NOT LIKE 'email:%'
"""


def upgrade() -> None:
    """Build the index; batches wait for one scan of the table, a few seconds for ten million names.

    Not CONCURRENTLY: that waits for every transaction, and so for other runners of the migrations, which
    wait for this one.
    """
    op.execute(_CREATE)


def downgrade() -> None:
    """Drop what `upgrade` added."""
    op.execute("DROP INDEX identifier_folded_idx")
