"""Message ids as they are stored: the id as it was sent, behind the scope in which it counts once. Pure.

    ~w.0a1b2c/1001            sent as `1001` with a write key of the source `src_0a1b2c`
    ~s.0a1b2c/stripe:evt_1    by a secret of the source: a webhook, or a secret key that belongs to it
    ~s/invoice-117            with a secret key without a source; `~w/` with a write key
    ~s+/1!5f0c9e21aa          in a narrower scope that the sender named

A write key is public, so it never shares a scope with a secret. An id without a scope was made here for an
event that came without one, or was stored by a release that had no scopes. The ids of one sender keep their
order, which breaks ties between events of one instant: hence the narrower scope stands behind the id, after
a character that few ids hold and that sorts before the others. Decision 0025 has the reasons.

A webhook's item without an id and a time is named by its content and the day or hour of its arrival in UTC
(`generic:<hash>@2026-03-01`, `...@2026-03-01T14`): the same form filled in twice in a year is two events, and
a delivery that is repeated is one, also across midnight: see `neighbour`.
"""

import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256

MAX_STORED_CHARS = 200
"""Longest stored id: 100 characters as sent, and the scope."""

_MARK = "~"
_SOURCE_PREFIX = "src_"
_FORM = re.compile(r"(~[ws](?:\.[0-9A-Za-z_-]+)?)(\+?)/")
_DIGITS = 10
_TAIL = 1 + _DIGITS

_DAY, _HOUR = "%Y-%m-%d", "%Y-%m-%dT%H"
_SLOTTED = re.compile(r"(.+:[0-9a-f]{64}@)([0-9]{4}-[0-9]{2}-[0-9]{2})(T[0-9]{2})?((?::[0-9]+)?)")
REPEATED_WITHIN = {_DAY: timedelta(hours=1), _HOUR: timedelta(minutes=10)}
"""How long after the first delivery of an item a repeated one counts as such across the edge of its slot."""


def scope(*, is_public: bool, source_id: str | None) -> str:
    """What precedes the ids of one sender. `is_public`: whether its key can be read in a page."""
    trust = "w" if is_public else "s"
    if source_id is None:
        return f"{_MARK}{trust}/"
    return f"{_MARK}{trust}.{source_id.removeprefix(_SOURCE_PREFIX)}/"


def narrowed(stored: str, name: bytes) -> str:
    """The id in the scope of this name within the scope of its sender; about 2 us.

    An id without a scope stays as it is: no sender has chosen it.
    """
    form = _FORM.match(stored)
    if form is None:
        return stored
    sent = stored[form.end() :]
    if form[2]:
        sent, name = sent[:-_TAIL], sent[-_DIGITS:].encode() + name
    return f"{form[1]}+/{sent}!{sha256(name).hexdigest()[:_DIGITS]}"


def in_slot(name: str, received_at: datetime, *, is_hourly: bool) -> str:
    """The name of an item by its content, in the day or hour of its arrival."""
    form = _HOUR if is_hourly else _DAY
    return f"{name}@{received_at.astimezone(UTC).strftime(form)}"


def neighbour(stored: str, received_at: datetime) -> tuple[str, timedelta] | None:
    """The id that the same item has where it was delivered beyond the nearer edge of its slot.

    None for an id without a slot, and for one that was received far from both edges. Beside it: how far
    apart two deliveries of one item are at most. Cheap for an id without a slot.
    """
    if "@" not in stored[-20:]:
        return None
    parts = _SLOTTED.fullmatch(stored)
    if parts is None:
        return None
    form = _HOUR if parts[3] else _DAY
    within = REPEATED_WITHIN[form]
    for nearby in (received_at - within, received_at + within):
        slot = nearby.astimezone(UTC).strftime(form)
        if slot != parts[2] + (parts[3] or ""):
            return f"{parts[1]}{slot}{parts[4]}", within
    return None


def as_sent(stored: str) -> str:
    """The id as its sender knows it."""
    if not stored.startswith(_MARK):
        return stored
    form = _FORM.match(stored)
    if form is None:
        return stored
    return stored[form.end() : -_TAIL] if form[2] else stored[form.end() :]
