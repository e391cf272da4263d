"""A subject and its members as values, and the codec of their columns. Pure.

The structs take no part in garbage collection: tens of thousands live long and hold no cycles, and
walking them again and again had cost as much as folding.
"""

from datetime import datetime
from typing import Any

import msgspec

from services.stager.identity.names import Order
from shared.journey.state import FORMAT, State

MemberKey = tuple[int, str, str]
"""Workspace, subject, person."""


class StoredState(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One journey of a subject, as `subject.states` holds it by journey key."""

    v: int
    """Version of the map that folded the state."""
    s: State
    f: int = FORMAT
    """Format of the state; another one than the engine's asks for a re-fold."""
    d: datetime | None = None
    """The deadline that is armed for it in table `deadline`."""
    k: bool = False
    """Whether all who wrote the subject since it was folded whole kept its snapshots, too.

    A release that knows no snapshots drops it: theirs may be of another history.
    """


class Subject(msgspec.Struct, frozen=True, gc=False):
    """A row of `subject`. `version` 0: there is no row yet."""

    version: int = 0
    touchpoints: int = 0
    last: Order | None = None
    """Order of the newest touchpoint."""
    states: dict[str, StoredState] = {}
    account_traits: dict[str, Any] = {}
    value: float | None = None
    merged_into: str | None = None


NEW_SUBJECT = Subject()


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """A row of `subject_snapshot`: a subject as it was at the instant `at` of its past."""

    at: datetime
    states: dict[str, StoredState]
    account_traits: dict[str, Any]
    value: float | None


class Member(msgspec.Struct, frozen=True, gc=False):
    """A row of `member`: role and traits of a person within a subject."""

    role: str | None
    traits: dict[str, Any]
    first_seen_at: datetime


_encoder = msgspec.json.Encoder()
_states = msgspec.json.Decoder(dict[str, StoredState])
_object = msgspec.json.Decoder(dict[str, Any])


def encode_states(states: dict[str, StoredState]) -> bytes:
    """Content of `subject.states`."""
    return _encoder.encode(states)


def decode_states(states: bytes) -> dict[str, StoredState]:
    """Read `subject.states`. Raises msgspec.MsgspecError on other content."""
    return _states.decode(states)


def encode_json(value: object) -> str:
    """Text for a JSON column."""
    return _encoder.encode(value).decode()


def decode_object(text: str) -> dict[str, Any]:
    """Read a JSON column that holds an object."""
    return _object.decode(text)
