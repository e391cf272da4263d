"""What events state about identity, read one event at a time, for the slow reference.

Nothing here depends on another event or on the order of arrival.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations

from shared.contracts import names
from shared.contracts.envelope import Envelope

Order = tuple[datetime, int, str]
"""Event order: when it happened, the tie, the message id (decision 0028)."""
Pair = frozenset[str]
"""Two names, or two accounts, without a direction."""

_NO_TOUCHPOINTS = {"erase", "unmapped"}


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityEvent:
    """The fields of one event that say who is who."""

    order: Order
    kind: str = "track"
    names: tuple[str, ...] = ()
    """Stored names of the person or object, strongest first."""
    account: str | None = None
    account_record: str | None = None
    previous: tuple[str, ...] = ()
    """Stored names of the other persons of an alias or unmerge."""
    previous_account: str | None = None
    is_about_record: bool = False

    @property
    def strongest(self) -> str | None:
        """The strongest name; a device only if there is no other."""
        return self.names[0] if self.names else None

    @property
    def device(self) -> str | None:
        """The device, beside another name or alone."""
        return next(filter(names.is_device, self.names), None)

    @property
    def person_names(self) -> tuple[str, ...]:
        """Names of a person, without devices and objects."""
        return tuple(filter(is_of_a_person, self.names))

    @property
    def record(self) -> str | None:
        """The provider's record of the person or object."""
        return next((name for name in self.names if names.record_kind(name)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explicit:
    """ "These two are one", in the words of an alias or a merge."""

    order: tuple[Order, int]
    """Order of the event, and the place among the statements of the event."""
    survivor: str
    previous: str

    @property
    def pair(self) -> Pair:
        """Both names."""
        return frozenset({self.survivor, self.previous})


def is_of_a_person(name: str) -> bool:
    """Whether a name is a user, an address or a person's record: neither a device nor an object."""
    return not names.is_device(name) and not names.is_object(name)


def _with_further(own: list[str], further: list[str]) -> tuple[str, ...]:
    """The names of an event, strongest first; one without a name of its own has no further ones."""
    if not own:
        return ()
    return tuple(sorted(dict.fromkeys([*own, *further]), key=names.strength))


def read(envelope: Envelope) -> IdentityEvent:
    """The fields of an envelope that say who is who, in stored form, without ids that are junk."""
    trusted = set(envelope.trusted_ids)

    def real(field: str) -> str | None:
        value: str | None = getattr(envelope, field)
        if value is None or (field not in trusted and names.is_junk(names.cleaned(value))):
            return None
        return value

    previous = [names.normal(name) for name in envelope.previous_names]
    further: list[str] = []
    if envelope.type not in {"alias", "unmerge"}:
        further = [name for name in previous if not names.is_device(name)]
        previous = []
    if (previous_id := real("previous_id")) is not None:
        previous += names.names_of_any_kind(previous_id)
    if envelope.withheld:
        previous = list(filter(names.is_device, previous))
    account, previous_account = real("account_id"), real("previous_account_id")
    record = real("account_external_id")
    return IdentityEvent(
        order=(envelope.occurred_at, envelope.tie, envelope.message_id),
        kind=envelope.type,
        names=_with_further(
            names.person_names(
                user_id=real("user_id"),
                email=real("email"),
                anonymous_id=real("anonymous_id"),
                external_id=real("external_id"),
            ),
            further,
        ),
        account=names.normal(account) if account else None,
        account_record=names.normal(record) if record else None,
        previous=tuple(dict.fromkeys(previous)),
        previous_account=names.normal(previous_account) if previous_account else None,
        is_about_record=envelope.is_about_record,
    )


def read_all(envelopes: Iterable[Envelope]) -> list[IdentityEvent]:
    """Touchpoints in event order; of several with one message id one counts."""
    by_id = {
        envelope.message_id: read(envelope)
        for envelope in envelopes
        if envelope.type not in _NO_TOUCHPOINTS
    }
    return sorted(by_id.values(), key=lambda event: event.order)


def togethers(events: Iterable[IdentityEvent]) -> list[tuple[str, str]]:
    """Pairs of names that stand together in an event, each at its earliest place in event order."""
    pairs: dict[Pair, tuple[str, str]] = {}
    for event in events:
        of_event = combinations(event.person_names, 2)
        for one, other in sorted(of_event, key=lambda pair: (*map(names.strength, pair), *pair)):
            pairs.setdefault(frozenset({one, other}), (one, other))
    return list(pairs.values())


def explicit_of(event: IdentityEvent, *, kind: str) -> Iterator[Explicit]:
    """Statements of an `alias`, or what an `unmerge` of persons takes back, as `kind` says."""
    if event.kind != kind or event.strongest is None:
        return
    in_order = sorted(event.previous, key=lambda name: (names.strength(name), name))
    for place, previous in enumerate(in_order):
        statement = Explicit(
            order=(event.order, place), survivor=event.strongest, previous=previous
        )
        devices = sum(map(names.is_device, statement.pair))
        if (
            previous != event.strongest
            # An object is never one with a person or a device.
            and names.is_object(previous) == names.is_object(event.strongest)
            # Two devices are one person's where that person is identified on both.
            and devices < 2
            # A device is somebody's in time; nothing takes it back.
            and not (devices and kind == "unmerge")
        ):
            yield statement


def is_identification(statement: Explicit) -> bool:
    """Whether one side alone is a device: it is somebody's from that instant on, and no join."""
    return names.is_device(statement.survivor) != names.is_device(statement.previous)
