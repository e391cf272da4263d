"""Joins that an event states: those that its sender may not state, and those that say nothing. Pure.

Anybody can send with the key of a web page. An `alias` by it could make two customers one, and an event with
an account id beside a record could move all of the record's events to another account. Where the source
withholds joins, such an event is kept without them: an alias counts for a device alone, as browsers send it.
"""

from dataclasses import dataclass
from enum import StrEnum

from msgspec.structs import replace

from shared.contracts.envelope import Envelope
from shared.contracts.names import ANONYMOUS, is_device, normal


class RemarkCode(StrEnum):
    """Why an accepted event says less than its sender may expect; label of a metric."""

    REPLACED_TIME = "replaced_time"
    """The time of an SDK's event could not be right: it happened on arrival."""
    JOIN_WITHHELD = "join_withheld"
    """The source lets this key join no known people and no accounts."""
    ALIAS_OF_DEVICES = "alias_of_devices"
    """An alias without a user, an address or a record: two devices are nobody."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A remark on an accepted event, for the response and the live view. Repeats nothing that was sent."""

    code: RemarkCode
    detail: str


def without_joins(envelope: Envelope) -> Envelope:
    """The event without joins of known people and of accounts; the same object where it states none.

    `previous_id` and `previous_names` stay in the event, so that privacy rules and erasures cover them;
    `withheld` makes them count for devices alone.
    """
    withheld: list[str] = []
    if envelope.type == "alias" and _is_known(envelope):
        if envelope.previous_id:
            withheld.append("previous_id")
        if not all(map(_is_stored_device, envelope.previous_names)):
            withheld.append("previous_names")
    if envelope.account_external_id is not None and envelope.account_id is not None:
        withheld.append("account_external_id")
        envelope = replace(envelope, account_external_id=None)
    if envelope.type == "merge":
        withheld.append("previous_account_id")
        envelope = replace(envelope, previous_account_id=None, type="track")
    return replace(envelope, withheld=withheld) if withheld else envelope


def remark(envelope: Envelope) -> Remark | None:
    """The remark on an accepted event; None for most."""
    fields = [name for name in envelope.withheld if not _is_own_device(envelope, name)]
    if fields:
        named = ", ".join(f"`{name}`" for name in fields)
        return Remark(RemarkCode.JOIN_WITHHELD, named + _WITHHELD)
    if envelope.type == "alias" and _is_of_devices(envelope):
        return _ALIAS_OF_DEVICES
    return None


_WITHHELD = (
    ": by the setting `joins` of its source this key joins a device with a person, but no two known"
    " people and no accounts; the rest of the event is stored"
)
_ALIAS_OF_DEVICES = Remark(
    RemarkCode.ALIAS_OF_DEVICES,
    "an alias without a user: two devices are joined by the person who is identified on both alone, so"
    " identify the person there",
)


def _is_known(envelope: Envelope) -> bool:
    """Whether the event's person has a name beside that of a device."""
    person = envelope.person()
    return person is not None and not is_device(person)


def _is_stored_device(name: str) -> bool:
    return is_device(normal(name))


def _is_own_device(envelope: Envelope, field: str) -> bool:
    """Whether a former id is the event's own device, which the alias of a browser's SDK names."""
    return field == "previous_id" and envelope.previous_id == envelope.anonymous_id


def _is_of_devices(envelope: Envelope) -> bool:
    """Whether an alias names devices alone. A former id is of unknown kind, and may be a device's."""
    others = [*envelope.previous_names]
    if envelope.previous_id:
        others.append(ANONYMOUS + envelope.previous_id)
    return bool(others) and all(map(_is_stored_device, (envelope.person() or "", *others)))


REPLACED_TIME = Remark(
    RemarkCode.REPLACED_TIME,
    "no clock that is set shows the time of the event, and no time of sending corrects it: the time of"
    " arrival counts",
)
