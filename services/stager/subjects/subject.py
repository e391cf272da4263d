"""A subject as the stager holds it between batches, and its codec. Pure.

Structs without a part in garbage collection: tens of thousands live long and hold no cycles, and
walking them again and again had cost as much as folding.
"""

from datetime import datetime
from typing import Any

import msgspec

from services.stager.identity.names import Order
from shared.journey.state import FORMAT, State


class Standing(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One journey of a subject, as `subject.states` stores it by journey key."""

    v: int
    """Version of the map that folded the state."""
    s: State
    f: int = FORMAT
    """Format of the state; another one than the engine's means fold anew."""
    d: datetime | None = None
    """The deadline that is armed for it in table `deadline`."""


class Subject(msgspec.Struct, frozen=True, gc=False):
    """A row of `subject`. `version` 0: there is no row yet."""

    version: int = 0
    touchpoints: int = 0
    last: Order | None = None
    """Order of the newest touchpoint."""
    standings: dict[str, Standing] = {}
    account_traits: dict[str, Any] = {}
    value: float | None = None
    merged_into: str | None = None


NEW_SUBJECT = Subject()


class Member(msgspec.Struct, frozen=True, gc=False):
    """A row of `member`: what is known of a person within a subject."""

    role: str | None
    traits: dict[str, Any]
    first_seen_at: datetime


_encoder = msgspec.json.Encoder()
_standings = msgspec.json.Decoder(dict[str, Standing])
_object = msgspec.json.Decoder(dict[str, Any])


def encode_standings(standings: dict[str, Standing]) -> bytes:
    """Content of `subject.states`."""
    return _encoder.encode(standings)


def decode_standings(states: bytes) -> dict[str, Standing]:
    """Read `subject.states`. Raises msgspec.MsgspecError if it is none of ours."""
    return _standings.decode(states)


def encode_json(value: object) -> str:
    """Text for a JSON column."""
    return _encoder.encode(value).decode()


def decode_object(text: str) -> dict[str, Any]:
    """Read a JSON column that holds an object."""
    return _object.decode(text)
