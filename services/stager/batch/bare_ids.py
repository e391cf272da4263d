"""Which workspaces may hold message ids without a scope. Pure."""


class BareIds:
    """Workspaces that were there when message ids got their scope; read once, for none is added later."""

    def __init__(self) -> None:
        self._workspaces: frozenset[int] | None = None

    @property
    def unread(self) -> bool:
        """Whether the workspaces have not been read from the database yet."""
        return self._workspaces is None

    def put(self, workspaces: frozenset[int]) -> None:
        """Keep what was read."""
        self._workspaces = workspaces

    def __bool__(self) -> bool:
        """Whether there is any such workspace."""
        return bool(self._workspaces)

    def __contains__(self, workspace_id: int) -> bool:
        """Whether it may hold ids without a scope."""
        return self._workspaces is not None and workspace_id in self._workspaces
