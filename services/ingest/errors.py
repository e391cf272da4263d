"""Errors of ingest.

    StagelineError
    └── ClientGone    the sender disconnected before its body was complete; no response can be sent

Invalid input is a value (`events.verdicts`), a rejected request is `http.rejections.RequestRejected`; a log
that does not acknowledge is `shared.errors.LogUnavailable`.
"""

from shared.errors import StagelineError


class ClientGone(StagelineError):
    """The sender disconnected before its body was complete."""
