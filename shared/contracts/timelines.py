"""The stored form of a timeline: who used a device when, and when a person was in which account.

A JSON list in the columns `users` and `accounts` of a name's row; the stager writes it, the api reads it.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec


class StoredEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An entry, as a JSON list. The tie comes last: lists of older releases end before it."""

    occurred_at: datetime
    message_id: str
    value: str
    """Name of a person on a device, or account of a person."""
    is_left: bool
    tie: int = 0


Timeline = tuple[StoredEntry, ...]

_decoder = msgspec.json.Decoder(Timeline)
_encoder = msgspec.json.Encoder()


def decode(text: str | None) -> Timeline:
    """Read a column; null is an empty timeline. Raises msgspec.MsgspecError on other content."""
    return () if text is None else _decoder.decode(text)


def encode(entries: Sequence[StoredEntry]) -> str | None:
    """Content of a column."""
    return _encoder.encode(entries).decode() if entries else None
