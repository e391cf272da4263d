"""Keys of operators: they make, list and rename workspaces through the api, by functions alone.

The api's role gets no right on another workspace. The functions run as their owner and ask for a valid
operator's key each time. The one that makes a workspace makes its first key as well, so that no
function makes a key for a workspace that has data.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_FUNCTIONS = {
    "operator_is_valid(text)": """
        CREATE FUNCTION operator_is_valid(operator_key text) RETURNS boolean
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
            SELECT EXISTS (
                SELECT FROM api_key
                WHERE key_id = operator_key AND kind = 'operator' AND revoked_at IS NULL
                    AND (expires_at IS NULL OR expires_at > now())
            )
        $$
    """,
    "operator_list_workspaces(text)": """
        CREATE FUNCTION operator_list_workspaces(operator_key text)
        RETURNS TABLE (workspace_id int, name text, created_at timestamptz)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
            SELECT w.workspace_id, w.name, w.created_at FROM workspace w
            WHERE operator_is_valid(operator_key)
        $$
    """,
    "operator_create_workspace(text, text, text, bytea, text[], timestamptz)": """
        CREATE FUNCTION operator_create_workspace(
            operator_key text, new_name text, first_key text, first_hash bytea, first_scopes text[],
            made_at timestamptz
        ) RETURNS int
        LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
            WITH made AS (
                INSERT INTO workspace (name, created_at)
                SELECT new_name, made_at WHERE operator_is_valid(operator_key)
                RETURNING workspace.workspace_id
            )
            INSERT INTO api_key (
                workspace_id, key_id, kind, scopes, secret_hash, label, created_at
            )
            SELECT made.workspace_id, first_key, 'secret', first_scopes, first_hash, 'first key', made_at
            FROM made
            RETURNING api_key.workspace_id
        $$
    """,
    "operator_rename_workspace(text, int, text)": """
        CREATE FUNCTION operator_rename_workspace(operator_key text, renamed int, new_name text)
        RETURNS TABLE (workspace_id int, name text, created_at timestamptz)
        LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
            UPDATE workspace SET name = new_name
            WHERE workspace.workspace_id = renamed AND operator_is_valid(operator_key)
            RETURNING workspace.workspace_id, workspace.name, workspace.created_at
        $$
    """,
}


def upgrade() -> None:
    """Make the functions; nothing that is stored changes."""
    for signature, definition in _FUNCTIONS.items():
        op.execute(definition)
        op.execute(f"REVOKE EXECUTE ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO stageline_api")


def downgrade() -> None:
    """Drop what `upgrade` added, and the keys of operators, which earlier versions cannot read."""
    for signature in reversed(_FUNCTIONS):
        op.execute(f"DROP FUNCTION {signature}")
    op.execute("DELETE FROM api_key WHERE kind = 'operator'")
