"""Errors by what the caller can do about them.

    StagelineError
    ├── TransientError        try again: the same call may succeed later
    │   ├── LogUnavailable    the event log gave no answer in time; the append is indeterminate
    │   └── DatabaseUnavailable   Postgres is away, restarting, read-only or too busy
    ├── Fenced                another reader owns this partition now: drop the batch and rejoin
    └── FatalError            stop the process: going on would lose or double something

A refusal of input is a value, not an exception.
"""


class StagelineError(Exception):
    """Root of every error that Stageline raises itself."""


class TransientError(StagelineError):
    """The same call may succeed later; nothing of the input is at fault."""


class LogUnavailable(TransientError):
    """The event log gave no acknowledgement in time; what was sent may or may not be stored."""


class DatabaseUnavailable(TransientError):
    """Postgres cannot be reached or refuses work for now."""


class Fenced(StagelineError):
    """The expected offset was not the stored one: another reader owns the partition."""


class FatalError(StagelineError):
    """Going on would lose or double something; an operator or the supervisor must act."""
