"""Errors of storing a batch, by what the stager does about them.

    StagelineError (shared.errors)
    ├── TransientError          pause, then the same batch again
    │   └── DatabaseUnavailable
    ├── Conflict                another transaction wrote first: invalidate the cache, again at once
    ├── RecordFault             one record of the batch cannot be stored: halve the batch to find it
    │   ├── DataRejected        Postgres refuses its data
    │   ├── FoldFailed          the engine cannot fold it
    │   └── RetractionTooLarge  it takes back what too many stored events depend on
    ├── Fenced                  the partition has another owner: drop the batch and rejoin
    └── FatalError              stop the process

A poison record is a value (`decode.Poison`), not an exception.
"""

import traceback

from shared.errors import StagelineError


class Conflict(StagelineError):
    """A row was not as it was read: another stager committed in between, or Postgres ended a deadlock."""


class RecordFault(StagelineError):
    """A record of the batch cannot be applied, however often it is tried."""


class DataRejected(RecordFault):
    """Postgres refuses the data of a record that decoded well."""


class FoldFailed(RecordFault):
    """The engine failed on a record; the record is kept as a dead letter, the process goes on."""


class RetractionTooLarge(RecordFault):
    """Taking a touchpoint back would resolve more stored events again than one transaction may hold."""


def origin(exc: BaseException) -> str:
    """Where an error came from, as `file:line`.

    For log lines instead of a traceback, which shows values and with them personal data.
    """
    cause = exc.__cause__ or exc
    frames = traceback.extract_tb(cause.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
