"""One verified delivery: its items, and the candidates that each of them becomes. Pure.

The mapping of the source is tried first, then the provider's own module. An item that neither can turn into
touchpoints, or whose touchpoints would be refused, becomes an unmapped candidate, which the stager keeps as
a dead letter. Nothing that was delivered is lost.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from services.ingest.events import strict_json
from services.ingest.events.candidate import NOT_AN_OBJECT, ForeignCandidate, ForeignItem, build
from services.ingest.events.verdicts import BodyRefused, RefusalCode, Refused, too_many_events
from services.ingest.limits import Limits
from services.ingest.protocols.webhooks.providers import hubspot, pipedrive, salesforce, stripe
from services.ingest.protocols.webhooks.providers import salesforce_soap as soap
from services.ingest.protocols.webhooks.providers.item import (
    JsonObject,
    ProviderItem,
    email,
    fingerprint,
    identifier,
    instant,
    message_id,
    shortened,
    text,
)
from shared.contracts.envelope import MAX_EVENT_CHARS
from shared.contracts.message_ids import in_slot
from shared.sources.expressions import MAX_STEPS, NotEvaluated, is_storable
from shared.sources.mapping import CompiledMapping, Mapped, NotMapped, Skipped
from shared.sources.source import SourceKind, SourceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryContext:
    """Parameters of parsing: those of the source that the delivery is for."""

    kind: SourceKind
    source_id: str
    settings: SourceSettings
    mapping: CompiledMapping | None = None
    steps: int = MAX_STEPS
    """Limit of the mapping's evaluation, an item."""
    received_at: datetime | None = None
    """Arrival, a part of the name of an item without an id and a time; None: equal items count once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The candidates of each item, in order; none for an item that is skipped."""

    items: Sequence[Sequence[ForeignItem]]
    unmapped: Callable[[int], ForeignItem | None]
    """The item at a position as an unmapped candidate; see `unmapped_item`."""
    is_soap: bool = False
    """The sender expects a response in XML."""


@dataclass(frozen=True, slots=True)
class DeliveryRejected:
    """A delivery of which nothing is stored, for a reason that other protocols do not have."""

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

ERASURE_BY_ADDRESS = Refused(
    RefusalCode.ERASURE_BY_ADDRESS,
    "A secret in the address erases nobody: send it in a header, or sign.",
)

_ORGANIZATION_CHARS = 15
"""The last three of 18 characters are a checksum."""

_READERS: Mapping[SourceKind, Callable[[JsonObject, SourceSettings], ProviderItem]] = {
    SourceKind.HUBSPOT: hubspot.read,
    SourceKind.SALESFORCE: salesforce.read,
    SourceKind.STRIPE: stripe.read,
    SourceKind.PIPEDRIVE: pipedrive.read,
}

_STEPS_OF_ALL = 200_000
"""Limit of the mapping's evaluation, a delivery: about a fifth of a second. Each of a thousand items still
has enough for some twenty rules."""

_TYPE_NAMES = ("type", "event", "topic", "event_type", "action")
"""Common fields for the type of an item."""


def parse(
    body: bytes, context: DeliveryContext, limits: Limits, *, delivery_id: str | None = None
) -> Delivery | BodyRefused | DeliveryRejected:
    """Parse a delivery. `delivery_id` becomes the message id of a single item without a name of its own."""
    if context.kind is SourceKind.SALESFORCE and body.lstrip().startswith(b"<"):
        return _read_soap(body, context, limits)
    problem = strict_json.outer_problem(body)
    if problem is not None:
        return problem
    values = _values(body, context)
    if isinstance(values, BodyRefused):
        return values
    if len(values) > limits.max_events:
        return too_many_events(limits.max_events)
    if len(values) > _STEPS_OF_ALL // MAX_STEPS:
        context = replace(context, steps=_STEPS_OF_ALL // len(values))
    # Several items under one message id would count as one event.
    name = message_id(context.kind, context.source_id, delivery_id) if len(values) == 1 else None
    return _delivery(values, context, name=name)


def without_erasures(delivery: Delivery) -> Delivery:
    """The delivery with every erasure refused.

    For a sender whose secret came in the address. A refused erasure is not kept as a dead letter: replaying
    it would erase.
    """
    erasing = {
        position
        for position, items in enumerate(delivery.items)
        if any(not isinstance(item, Refused) and item.type == "erase" for item in items)
    }
    return replace(
        delivery,
        items=[
            [ERASURE_BY_ADDRESS] if position in erasing else items
            for position, items in enumerate(delivery.items)
        ],
        unmapped=lambda position: None if position in erasing else delivery.unmapped(position),
    )


def _delivery(
    values: Sequence[object],
    context: DeliveryContext,
    *,
    name: str | None = None,
    is_soap: bool = False,
) -> Delivery:
    return Delivery(
        items=[
            [value] if isinstance(value, Refused) else parse_item(value, context, name=name)
            for value in values
        ],
        unmapped=lambda position: unmapped_item(values[position], context, name=name),
        is_soap=is_soap,
    )


def unmapped_item(
    value: object, context: DeliveryContext, *, name: str | None = None
) -> ForeignItem | None:
    """The item as an unmapped candidate; None where it is not an object."""
    if not isinstance(value, dict):
        return None
    item = _provider_item(value, context)
    return _unmapped(value, context, item, name)


def parse_dead_letter(
    value: JsonObject, context: DeliveryContext, *, name: str
) -> list[ForeignItem]:
    """Candidates of an item that was stored unmapped under the message id `name`.

    It may be a whole body, stored before the mapping had an expression for its items.
    """
    candidates = parse_item(value, context, name=name)
    is_mapped = all(isinstance(item, Refused) or item.type != "unmapped" for item in candidates)
    if is_mapped or context.mapping is None or not context.mapping.has_items:
        return candidates
    try:
        inner = context.mapping.items(value)
    except NotEvaluated:
        return candidates
    own = name if len(inner) == 1 else None
    return [item for each in inner for item in parse_item(each, context, name=own)]


def parse_item(
    value: object, context: DeliveryContext, *, name: str | None = None
) -> list[ForeignItem]:
    """Candidates of one item: one or several, one that is unmapped, or none where it is skipped.

    `name`: message id of an item without one of its provider.
    """
    if not isinstance(value, dict):
        return [NOT_AN_OBJECT]
    item = _provider_item(value, context)
    outcome = _by_mapping(value, context, item, name)
    if isinstance(outcome, Skipped):
        return []
    if isinstance(outcome, ForeignCandidate):
        return [outcome]
    # A rule that fails must be corrected: the provider's module must not hide the mistake.
    if item.touchpoints is None or outcome.why:
        return [_unmapped(value, context, item, name)]
    own = _message_id(value, context, item, name)
    return [_built(fields, item, own, index) for index, fields in enumerate(item.touchpoints)]


def _read_soap(
    body: bytes, context: DeliveryContext, limits: Limits
) -> Delivery | BodyRefused | DeliveryRejected:
    message = soap.parse(body)
    if message is None:
        return NOT_SOAP
    allowed = {each[:_ORGANIZATION_CHARS] for each in context.settings.salesforce_organizations}
    if allowed and message.organization_id[:_ORGANIZATION_CHARS] not in allowed:
        return FOREIGN_ORGANIZATION
    if len(message.records) > limits.max_events:
        return too_many_events(limits.max_events)
    return _delivery(message.records, context, is_soap=True)


def _values(body: bytes, context: DeliveryContext) -> Sequence[object] | BodyRefused:
    """The items, decoded one by one: an invalid one is refused alone."""
    if context.mapping is not None and context.mapping.has_items:
        whole = strict_json.decode(body)
        if isinstance(whole, Refused):
            return strict_json.MALFORMED_BODY
        try:
            return context.mapping.items(whole)
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


def _provider_item(value: JsonObject, context: DeliveryContext) -> ProviderItem:
    """The item by its provider's module; type alone for a sender without one."""
    reader = _READERS.get(context.kind)
    if reader is not None:
        return reader(value, context.settings)
    kind = (
        context.mapping.type_of(value, steps=context.steps) if context.mapping is not None else None
    )
    kind = kind or next(filter(None, (text(value.get(name)) for name in _TYPE_NAMES)), None)
    return ProviderItem(
        type=kind or context.kind, message_id=None, occurred_at=None, touchpoints=None
    )


def _message_id(
    value: JsonObject,
    context: DeliveryContext,
    item: ProviderItem,
    name: str | None,
    *,
    has_time: bool = False,
) -> str:
    """The provider's id of the item, or `name`, or one made of its content.

    Content with a time in it never comes twice, unless it is repeated. Without one, it counts again by the
    setting of the source. `has_time`: the mapping has read one.
    """
    given = item.message_id or name
    if given:
        return given
    made = fingerprint(context.kind, context.source_id, value)
    has_time = has_time or item.occurred_at is not None
    repeats = context.settings.equal_bodies
    if has_time or repeats == "once" or context.received_at is None:
        return made
    return in_slot(made, context.received_at, is_hourly=repeats == "hourly")


def _built(fields: JsonObject, item: ProviderItem, name: str, index: int) -> ForeignItem:
    given = {key: value for key, value in fields.items() if value is not None}
    given.setdefault("message_id", name if index == 0 else shortened(f"{name}:{index}"))
    if item.occurred_at is not None:
        given.setdefault("occurred_at", item.occurred_at)
    return build(given)


_PERSON_OR_ACCOUNT = (
    "account_id", "user_id", "anonymous_id", "email", "external_id", "account_external_id",
)  # fmt: skip
_IDS = (
    "account_id", "user_id", "anonymous_id", "external_id", "account_external_id", "previous_id",
    "previous_account_id", "logged_by",
)  # fmt: skip


def why_unmapped(value: JsonObject, context: DeliveryContext) -> str:
    """Reason for the author of a mapping; repeats nothing of the item."""
    outcome = _by_mapping(value, context, _provider_item(value, context), None)
    why = outcome.why if isinstance(outcome, NotMapped) else ""
    no_rule = "no rule of the mapping holds" if context.mapping else "nobody knows its type here"
    return why or no_rule


def _by_mapping(
    value: JsonObject, context: DeliveryContext, item: ProviderItem, name: str | None
) -> ForeignCandidate | Skipped | NotMapped:
    """The candidate by the mapping of the source. An invalid one is unmapped: it can be replayed later."""
    if context.mapping is None:
        return NotMapped()
    outcome = context.mapping.apply(value, steps=context.steps)
    if not isinstance(outcome, Mapped):
        return outcome
    fields = dict(outcome.fields)
    if not is_storable(fields):
        return NotMapped(why="an expression gives a number that cannot be stored")
    for each in _IDS:
        if each in fields:
            fields[each] = identifier(fields[each])
    if "email" in fields:
        fields["email"] = email(fields["email"])
    has_time = "occurred_at" in fields
    if has_time:
        fields["occurred_at"] = instant(fields["occurred_at"])
        if fields["occurred_at"] is None:
            return NotMapped(why="`occurred_at` is neither ISO 8601 nor a count since 1970")
    else:
        fields["occurred_at"] = item.occurred_at
    # With the source: two of them may use the same numbers.
    own = message_id(context.kind, context.source_id, fields.get("message_id"))
    fields["message_id"] = own or _message_id(value, context, item, name, has_time=has_time)
    if not any(fields.get(each) for each in _PERSON_OR_ACCOUNT):
        return NotMapped(why=f"it names nobody: {', '.join(_PERSON_OR_ACCOUNT)} are all empty")
    candidate = build({key: value for key, value in fields.items() if value is not None})
    return candidate if isinstance(candidate, ForeignCandidate) else NotMapped(why=candidate.detail)


def _unmapped(
    value: JsonObject, context: DeliveryContext, item: ProviderItem, name: str | None
) -> ForeignItem:
    return build(
        {
            "type": "unmapped",
            "event": (item.type or context.kind)[:MAX_EVENT_CHARS],
            "message_id": _message_id(value, context, item, name),
            "occurred_at": item.occurred_at,
            "properties": value,
        }
    )
