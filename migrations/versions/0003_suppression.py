"""The key that requested a suppression, and keyed hashes for a role that may not read the hash key.

The api writes the list of suppressed people under keyed hashes, and may read every column of a workspace
but the key: so it asks the database for the hash. The function answers for one workspace, the one that
the connection is bound to, and hands out hashes alone.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# HMAC-SHA-256 (RFC 2104), which the server has no function for without an extension.
_KEYED_HASHES = """
CREATE FUNCTION keyed_hashes(texts text[]) RETURNS bytea[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    key bytea := (
        SELECT hash_key FROM public.workspace
        WHERE workspace_id = nullif(current_setting('stageline.workspace_id', true), '')::int
    );
    inner_key bytea;
    outer_key bytea;
BEGIN
    IF key IS NULL THEN
        RAISE EXCEPTION 'no workspace is named' USING ERRCODE = '42501';
    END IF;
    IF length(key) > 64 THEN
        key := sha256(key);
    END IF;
    inner_key := key || decode(repeat('00', 64 - length(key)), 'hex');
    outer_key := inner_key;
    FOR place IN 0..63 LOOP
        inner_key := set_byte(inner_key, place, get_byte(inner_key, place) # 54);
        outer_key := set_byte(outer_key, place, get_byte(outer_key, place) # 92);
    END LOOP;
    RETURN ARRAY(
        SELECT sha256(outer_key || sha256(inner_key || convert_to(each.text, 'UTF8')))
        FROM unnest(texts) WITH ORDINALITY AS each (text, place) ORDER BY each.place
    );
END $$
"""


def upgrade() -> None:
    """Add columns without a default, which rewrites nothing, and the function."""
    op.add_column("suppression", sa.Column("suppressed_by", sa.Text(), nullable=True))
    op.add_column("suppression", sa.Column("lifted_by", sa.Text(), nullable=True))
    op.execute(_KEYED_HASHES)
    op.execute("REVOKE ALL ON FUNCTION keyed_hashes(text[]) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION keyed_hashes(text[]) TO stageline_api")


def downgrade() -> None:
    """Drop what `upgrade` added."""
    op.execute("DROP FUNCTION keyed_hashes(text[])")
    op.drop_column("suppression", "lifted_by")
    op.drop_column("suppression", "suppressed_by")
