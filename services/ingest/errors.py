"""Errors of ingest.

    StagelineError
    └── ClientGone    the sender hung up before its body was complete: nobody is left to answer

What is wrong with somebody's input is a value (`verdicts`); a log that does not acknowledge is
`shared.errors.LogUnavailable`.
"""

from shared.errors import StagelineError


class ClientGone(StagelineError):
    """The sender hung up before its body was complete."""
