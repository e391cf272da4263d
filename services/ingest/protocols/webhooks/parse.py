"""One verified delivery: its items, and the candidates that each of them becomes.

A source's mapping is asked first, then what is known of the provider. What neither knows, what a mapping
makes no touchpoint of, and what the door would refuse, becomes a letter: a candidate that is `unmapped`.
Nothing that was delivered is lost.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from services.ingest.events import strict_json
from services.ingest.events.candidate import NOT_AN_OBJECT, ForeignCandidate, build
from services.ingest.events.verdicts import BodyRefused, Refused, too_many_events
from services.ingest.limits import Limits
from services.ingest.protocols.webhooks.providers import hubspot, pipedrive, salesforce, stripe
from services.ingest.protocols.webhooks.providers import item as reading
from services.ingest.protocols.webhooks.providers import salesforce_soap as soap
from services.ingest.protocols.webhooks.providers.item import JsonObject, ProviderItem, text
from shared.contracts.envelope import MAX_EVENT_CHARS
from shared.sources.expressions import MAX_STEPS, NotEvaluated, is_storable
from shared.sources.mapping import CompiledMapping, Mapped, NotMapped, Skipped
from shared.sources.source import SourceKind, SourceSettings

Item = ForeignCandidate | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryContext:
    """How the deliveries of one source are read."""

    kind: SourceKind
    source_id: str
    settings: SourceSettings
    mapping: CompiledMapping | None = None
    steps: int = MAX_STEPS
    """What an item may cost the mapping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What was delivered: for each item, in order, what it becomes. Empty: known and not wanted."""

    items: Sequence[Sequence[Item]]
    letter: Callable[[int], Item | None]
    """The item at a position as a letter, should one of its candidates be refused; see `letter`."""
    is_soap: bool = False
    """The sender wants its answer in XML."""


@dataclass(frozen=True, slots=True)
class DeliveryRejected:
    """A delivery of which nothing is taken, for a reason that only webhooks know."""

    status: int
    code: str
    detail: str


NOT_SOAP = DeliveryRejected(
    400,
    "malformed_xml",
    "The body is not one of Salesforce's outbound messages: SOAP with `notifications` in it, without"
    " a document type.",
)
FOREIGN_ORGANIZATION = DeliveryRejected(
    403,
    "organization_not_allowed",
    "The message is of an organization that this source does not name.",
)

_ORGANIZATION_CHARS = 15
"""The other three are a check."""

_READERS: Mapping[SourceKind, Callable[[JsonObject, SourceSettings], ProviderItem]] = {
    SourceKind.HUBSPOT: hubspot.read,
    SourceKind.SALESFORCE: salesforce.read,
    SourceKind.STRIPE: stripe.read,
    SourceKind.PIPEDRIVE: pipedrive.read,
}

_STEPS_OF_ALL = 200_000
"""What all items of a delivery may cost the mapping together: a fifth of a second or so, in which
nothing else is taken in. Of a thousand items each still has enough for some twenty rules."""

_TYPE_NAMES = ("type", "event", "topic", "event_type", "action")
"""Where senders of JSON put the name of what happened."""


def read(
    body: bytes, way: DeliveryContext, limits: Limits, *, delivery_id: str | None = None
) -> Delivery | BodyRefused | DeliveryRejected:
    """Everything that a delivery holds. `delivery_id` names it where its items have no names."""
    if way.kind is SourceKind.SALESFORCE and body.lstrip().startswith(b"<"):
        return _read_soap(body, way, limits)
    problem = strict_json.outer_problem(body)
    if problem is not None:
        return problem
    values = _values(body, way)
    if isinstance(values, BodyRefused):
        return values
    if len(values) > limits.max_events:
        return too_many_events(limits.max_events)
    if len(values) > _STEPS_OF_ALL // MAX_STEPS:
        way = replace(way, steps=_STEPS_OF_ALL // len(values))
    # One name for several things would make them one.
    name = reading.message_id(way.kind, way.source_id, delivery_id) if len(values) == 1 else None
    return _delivery(values, way, name=name)


def _delivery(
    values: Sequence[object],
    way: DeliveryContext,
    *,
    name: str | None = None,
    is_soap: bool = False,
) -> Delivery:
    return Delivery(
        items=[
            [value] if isinstance(value, Refused) else read_item(value, way, name=name)
            for value in values
        ],
        letter=lambda position: letter(values[position], way, name=name),
        is_soap=is_soap,
    )


def letter(value: object, way: DeliveryContext, *, name: str | None = None) -> Item | None:
    """The item as it waits for a mapping; None for what is no object."""
    if not isinstance(value, dict):
        return None
    told = _told(value, way)
    return _unmapped(value, way, told, _named_for_ever(value, way, told, name))


def read_letter(value: JsonObject, way: DeliveryContext, *, name: str) -> list[Item]:
    """What an item that waited under `name` becomes by the mapping of today.

    It may be a whole body, from before somebody wrote where the items of one lie.
    """
    found = read_item(value, way, name=name)
    is_known = all(isinstance(item, Refused) or item.type != "unmapped" for item in found)
    if is_known or way.mapping is None or not way.mapping.has_items:
        return found
    try:
        inner = way.mapping.items(value)
    except NotEvaluated:
        return found
    own = name if len(inner) == 1 else None
    return [item for each in inner for item in read_item(each, way, name=own)]


def read_item(value: object, way: DeliveryContext, *, name: str | None = None) -> list[Item]:
    """What one item becomes: one candidate or several, one that is `unmapped`, or none.

    `name`: its message id where the provider has none for it.
    """
    if not isinstance(value, dict):
        return [NOT_AN_OBJECT]
    told = _told(value, way)
    name = _named_for_ever(value, way, told, name)
    outcome = _by_mapping(value, way, told, name)
    if isinstance(outcome, Skipped):
        return []
    if isinstance(outcome, ForeignCandidate):
        return [outcome]
    # A rule that holds and fails is to be repaired, not to be replaced by what we would have said.
    if told.touchpoints is None or outcome.why:
        return [_unmapped(value, way, told, name)]
    return [_built(fields, told, name, index) for index, fields in enumerate(told.touchpoints)]


def _read_soap(
    body: bytes, way: DeliveryContext, limits: Limits
) -> Delivery | BodyRefused | DeliveryRejected:
    message = soap.parse(body)
    if message is None:
        return NOT_SOAP
    allowed = {each[:_ORGANIZATION_CHARS] for each in way.settings.salesforce_organizations}
    if allowed and message.organization_id[:_ORGANIZATION_CHARS] not in allowed:
        return FOREIGN_ORGANIZATION
    if len(message.records) > limits.max_events:
        return too_many_events(limits.max_events)
    return _delivery(message.records, way, is_soap=True)


def _values(body: bytes, way: DeliveryContext) -> Sequence[object] | BodyRefused:
    """The items, each decoded; one that cannot be stored is refused alone."""
    if way.mapping is not None and way.mapping.has_items:
        whole = strict_json.decode(body)
        if isinstance(whole, Refused):
            return strict_json.MALFORMED_BODY
        try:
            return way.mapping.items(whole)
        except NotEvaluated:
            return whole if isinstance(whole, list) else [whole]
    for mend in (bytes, strict_json.repaired):
        try:
            raws = _raw(mend(body))
        except RecursionError:
            return strict_json.TOO_DEEP_BODY
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        return [strict_json.decode(bytes(raw)) for raw in raws]
    return strict_json.MALFORMED_BODY


_one = msgspec.json.Decoder(msgspec.Raw)
_many = msgspec.json.Decoder(list[msgspec.Raw])


def _raw(body: bytes) -> Sequence[msgspec.Raw]:
    return _many.decode(body) if body.startswith(b"[") else [_one.decode(body)]


def _told(item: JsonObject, way: DeliveryContext) -> ProviderItem:
    """What is known of the provider's items; little of a sender whom only a mapping knows."""
    reader = _READERS.get(way.kind)
    if reader is not None:
        return reader(item, way.settings)
    kind = way.mapping.type_of(item, steps=way.steps) if way.mapping is not None else None
    kind = kind or next((found for name in _TYPE_NAMES if (found := text(item.get(name)))), None)
    return ProviderItem(type=kind or way.kind, message_id=None, occurred_at=None, touchpoints=None)


def _named_for_ever(
    item: JsonObject, way: DeliveryContext, told: ProviderItem, name: str | None
) -> str:
    return told.message_id or name or reading.fingerprint(way.kind, way.source_id, item)


def _built(fields: JsonObject, told: ProviderItem, name: str, index: int) -> Item:
    more = {key: value for key, value in fields.items() if value is not None}
    more.setdefault("message_id", name if index == 0 else reading.shortened(f"{name}:{index}"))
    if told.occurred_at is not None:
        more.setdefault("occurred_at", told.occurred_at)
    return build(more)


_WHO = ("account_id", "user_id", "anonymous_id", "email")
_IDS = ("account_id", "user_id", "anonymous_id", "previous_id", "previous_account_id", "logged_by")


def why_unmapped(value: JsonObject, way: DeliveryContext) -> str:
    """For whoever writes a mapping: why an item is not a touchpoint. Repeats nothing of it."""
    outcome = _by_mapping(value, way, _told(value, way), "")
    why = outcome.why if isinstance(outcome, NotMapped) else ""
    return why or ("no rule of the mapping holds" if way.mapping else "nobody knows its type here")


def _by_mapping(
    value: JsonObject, way: DeliveryContext, told: ProviderItem, name: str
) -> ForeignCandidate | Skipped | NotMapped:
    """What the source's mapping makes of an item. What is no touchpoint can be repaired later."""
    if way.mapping is None:
        return NotMapped()
    outcome = way.mapping.apply(value, steps=way.steps)
    if not isinstance(outcome, Mapped):
        return outcome
    if not is_storable(dict(outcome.fields)):
        return NotMapped(why="an expression gives a number that cannot be stored")
    more = dict(outcome.fields)
    for each in _IDS:
        if each in more:
            more[each] = reading.identifier(more[each])
    if "email" in more:
        more["email"] = reading.email(more["email"])
    if "occurred_at" in more:
        more["occurred_at"] = reading.instant(more["occurred_at"])
        if more["occurred_at"] is None:
            return NotMapped(why="`occurred_at` is neither ISO 8601 nor a number of seconds")
    else:
        more["occurred_at"] = told.occurred_at
    # Two sources may use the same numbers.
    own = reading.message_id(way.kind, way.source_id, more.get("message_id"))
    more["message_id"] = own or name
    if not any(more.get(each) for each in _WHO):
        return NotMapped(why=f"it names nobody: {', '.join(_WHO)} are all empty")
    candidate = build({key: value for key, value in more.items() if value is not None})
    return candidate if isinstance(candidate, ForeignCandidate) else NotMapped(why=candidate.detail)


def _unmapped(item: JsonObject, way: DeliveryContext, told: ProviderItem, name: str) -> Item:
    return build(
        {
            "type": "unmapped",
            "event": (told.type or way.kind)[:MAX_EVENT_CHARS],
            "message_id": name,
            "occurred_at": told.occurred_at,
            "properties": item,
        }
    )
