"""The tie of an event: what is known of its place among the events of one instant. Pure.

Events are ordered by (`occurred_at`, `tie`, `message_id`), see decision 0028. The tie is made here and
nowhere else, when a request is admitted, and stored with the event, so that every replay agrees:

- an event with a `sequence` of its sender, such as a row of a file, has that number;
- any other has the time of arrival of its request, then its place in the body;
- one whose clock is ahead, which happened on arrival at the latest, has its time as sent instead of the time
  of arrival: such events keep their order, and one that is dated far ahead moves no other.

Ties of arrival are larger than any `sequence`: of events of one instant those of files come first. Events
that were stored before there were ties have 0.
"""

from datetime import UTC, datetime, timedelta

MAX_SEQUENCE = 2**53 - 1
"""Largest `sequence`, and without its sign the smallest: the integers that every JSON reader keeps."""

_START = datetime(2020, 1, 1, tzinfo=UTC)
_END = datetime(2200, 1, 1, tzinfo=UTC)
"""A clock further ahead counts as being at this instant: ties fit into 64 bits."""
_MICROSECOND = timedelta(microseconds=1)
_PLACES = 1024
"""Places of a body in a microsecond. Those of a longer body reach into the next ones, which have passed
before its sender can send the next request."""


def tie_of_arrival(received_at: datetime) -> int:
    """Tie of the first event of a request that arrives at an instant; later ones add their place."""
    return (min(received_at, _END) - _START) // _MICROSECOND * _PLACES


def tie_of(
    happened_at: datetime, received_at: datetime, arrival: int, index: int, sequence: int | None
) -> int:
    """Tie of an event.

    `happened_at`: by the sender's corrected clock, later than `received_at` where that is ahead. `arrival`:
    `tie_of_arrival` of the request. `index`: place in the body.
    """
    place = index if sequence is None else sequence
    if happened_at > received_at:
        return tie_of_arrival(happened_at) + place
    return arrival + place if sequence is None else sequence
