"""Mappings: rules that turn foreign JSON into touchpoints. Pure.

The first rule whose `when` holds builds the touchpoint from JMESPath expressions; docs/mapping.md
explains every field. The api compiles a mapping before it stores it, so that mistakes are refused
there; ingest compiles it again to use it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType

from shared.contracts.envelope import MAX_EVENT_CHARS, EventType
from shared.contracts.names import cleaned
from shared.sources.expressions import (
    MAX_STEPS,
    Evaluation,
    Expression,
    ExpressionProblem,
    NotEvaluated,
    compiled,
    is_storable,
)

MAX_RULES = 100
MAX_EXPRESSIONS = 1_000

MAPPED_TYPES = tuple(kind for kind in get_args(EventType) if kind != "unmapped")
_MappedType = Annotated[str, Meta(pattern=f"^({'|'.join(MAPPED_TYPES)})$")]

_Scalar = str | int | float | bool


class MappingProblem(ValueError):
    """The mapping cannot be used; the message says where and why, and repeats no value of it."""


class Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Origin of a value and its conversions. A bare string is an expression."""

    from_: str | None = msgspec.field(name="from", default=None)
    value: Any | UnsetType = UNSET
    """The value itself, instead of `from`."""
    prefix: Annotated[str, Meta(max_length=100)] = ""
    """Prefix of a text or number that is not empty: `zendesk:user:`."""
    table: dict[str, Any] | None = None
    """Value to its replacement: `{good: 5, bad: 1}`."""
    times: float | None = None
    """Factor of a number: 0.01 turns cents into euros."""
    default: Any = None
    """Value where the expression yields null."""


_Value = str | Spec
_Object = str | dict[str, str | Spec]


class MappingRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A condition and the fields of the touchpoint that it yields."""

    when: str | None = None
    """Condition; None: always true."""
    skip: bool = False
    """The item is discarded: neither a touchpoint nor a dead letter."""
    event: Annotated[str, Meta(min_length=1, max_length=MAX_EVENT_CHARS)] | None = None
    """Name of the touchpoint, literally."""
    event_from: _Value | None = None
    type: _MappedType = "track"
    message_id: _Value | None = None
    occurred_at: _Value | None = None
    account_id: _Value | None = None
    user_id: _Value | None = None
    anonymous_id: _Value | None = None
    email: _Value | None = None
    external_id: _Value | None = None
    """A provider's record of the person: `zendesk:user:5`."""
    account_external_id: _Value | None = None
    """A provider's record of the account: `zendesk:organization:7`."""
    previous_id: _Value | None = None
    previous_account_id: _Value | None = None
    channel: _Value | None = None
    role: _Value | None = None
    sentiment: _Value | None = None
    emotion: _Value | None = None
    friction: _Value | None = None
    thought: _Value | None = None
    question: _Value | None = None
    survey: _Value | None = None
    score: _Value | None = None
    logged_by: _Value | None = None
    internal: _Value | None = None
    value: _Value | None = None
    properties: _Object | None = None
    traits: _Object | None = None
    account_traits: _Object | None = None
    context: _Object | None = None


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping as an operator writes it."""

    items: str | None = None
    """Expression for the list of items in a body; none: the body, or each element of an array."""
    type: str | None = None
    """Expression for the sender's type of an item; groups dead letters."""
    message_id: _Value | None = None
    """Default of all rules."""
    occurred_at: _Value | None = None
    rules: Annotated[tuple[MappingRule, ...], Meta(min_length=1, max_length=MAX_RULES)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """Fields of a touchpoint as the expressions yield them, not validated yet."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A rule with `skip` holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotMapped:
    """No rule holds (`why` is empty), or the one that holds could not be evaluated."""

    why: str = ""


MappingOutcome = Mapped | Skipped | NotMapped

_Getter = Callable[[Evaluation], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compiled:
    when: Expression | None
    skip: bool
    fields: tuple[tuple[str, _Getter], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledMapping:
    """A compiled mapping."""

    _rules: Sequence[_Compiled]
    _items: Expression | None
    _type: Expression | None

    @property
    def has_items(self) -> bool:
        """Whether an expression selects the items of a body."""
        return self._items is not None

    def items(self, body: object) -> list[Any]:
        """The items of a body. Raises NotEvaluated, also where the expression yields null."""
        if self._items is None:
            return body if isinstance(body, list) else [body]
        selected = Evaluation(body).of(self._items)
        if selected is None:
            raise NotEvaluated("there are no items")
        return selected if isinstance(selected, list) else [selected]

    def type_of(self, item: object, *, steps: int = MAX_STEPS) -> str | None:
        """The sender's type of the item, or None. Evaluates at most `steps`."""
        if self._type is None:
            return None
        try:
            kind = Evaluation(item, steps=steps).of(self._type)
        except NotEvaluated:
            return None
        return kind if isinstance(kind, str) else None

    def apply(self, item: object, *, steps: int = MAX_STEPS) -> MappingOutcome:
        """Apply the first rule that holds, in at most `steps`. Never raises."""
        evaluation = Evaluation(item, steps=steps)
        try:
            for rule in self._rules:
                if rule.when is not None and not _holds(evaluation, rule.when):
                    continue
                if rule.skip:
                    return Skipped()
                values = ((name, get(evaluation)) for name, get in rule.fields)
                return Mapped(fields={name: value for name, value in values if value is not None})
        except NotEvaluated as exc:
            return NotMapped(why=str(exc))
        return NotMapped()


def _holds(evaluation: Evaluation, when: Expression) -> bool:
    """A condition that cannot be evaluated on an item is meant for other items: false."""
    try:
        return evaluation.holds(when)
    except NotEvaluated:
        return False


def compile_mapping(document: Mapping[str, Any]) -> CompiledMapping:
    """Check and compile. Raises MappingProblem."""
    try:
        read = msgspec.convert(document, Document)
    except msgspec.ValidationError as exc:
        raise MappingProblem(_message(exc)) from exc
    except RecursionError as exc:
        raise MappingProblem("the mapping nests too deep") from exc
    compiler = _MappingCompiler()
    return CompiledMapping(
        _rules=[
            compiler.rule(rule, read, f"rules[{index}]") for index, rule in enumerate(read.rules)
        ],
        _items=compiler.expression(read.items, "items"),
        _type=compiler.expression(read.type, "type"),
    )


class _MappingCompiler:
    """Compiles the expressions of one mapping and bounds their number."""

    def __init__(self) -> None:
        self._count = 0

    def rule(self, rule: MappingRule, document: Document, where: str) -> _Compiled:
        fields: list[tuple[str, _Getter]] = [("type", lambda _: rule.type)]
        if not rule.skip:
            fields.append(("event", self.event(rule, where)))
        for name in _FIELDS:
            spec = getattr(rule, name)
            if spec is None and name in ("message_id", "occurred_at"):
                spec = getattr(document, name)
            if spec is not None:
                fields.append((name, self.value(spec, f"{where}.{name}")))
        for name in _OBJECTS:
            written = getattr(rule, name)
            if isinstance(written, str):
                fields.append((name, self.value(written, f"{where}.{name}")))
            elif written is not None:
                fields.append((name, self.object(written, f"{where}.{name}")))
        when = self.expression(rule.when, f"{where}.when")
        return _Compiled(when=when, skip=rule.skip, fields=tuple(fields))

    def event(self, rule: MappingRule, where: str) -> _Getter:
        name = rule.event
        if (name is None) == (rule.event_from is None):
            raise MappingProblem(f"{where}: one of `event` and `event_from` names the touchpoint")
        if rule.event_from is not None:
            return self.value(rule.event_from, f"{where}.event_from")
        if not is_storable(name) or not name or not name.strip():
            raise MappingProblem(f"{where}.event: this cannot be a name")
        return lambda _: name

    def object(self, written: Mapping[str, _Value], where: str) -> _Getter:
        if not all(map(is_storable, written)):
            raise MappingProblem(f"{where}: a name in it cannot be stored")
        getters = [
            (name, self.value(spec, f"{where}[{index}]"))
            for index, (name, spec) in enumerate(written.items())
        ]

        def get(evaluation: Evaluation) -> dict[str, Any]:
            values = ((name, each(evaluation)) for name, each in getters)
            return {name: value for name, value in values if value is not None}

        return get

    def value(self, written: _Value, where: str) -> _Getter:
        spec = Spec(from_=written) if isinstance(written, str) else written
        literal = spec.value
        if (spec.from_ is None) == (literal is UNSET):
            raise MappingProblem(f"{where}: one of `from` and `value` says where it comes from")
        if not all(map(is_storable, (spec.prefix, spec.table, spec.default, spec.times))):
            raise MappingProblem(f"{where}: something in it cannot be stored")
        if spec.from_ is None:
            if not is_storable(literal):
                raise MappingProblem(f"{where}: something in it cannot be stored")
            return lambda _: _converted(literal, spec)
        expression = self.expression(spec.from_, where)
        return lambda evaluation: _converted(evaluation.of(expression), spec)

    def expression(self, text: str | None, where: str) -> Any:  # noqa: ANN401 - None only for None
        if text is None:
            return None
        self._count += 1
        if self._count > MAX_EXPRESSIONS:
            raise MappingProblem(f"a mapping has at most {MAX_EXPRESSIONS} expressions")
        try:
            return compiled(text)
        except ExpressionProblem as exc:
            raise MappingProblem(f"{where}: {exc}") from exc


_OBJECTS = ("properties", "traits", "account_traits", "context")
_FIELDS = tuple(
    name
    for name in MappingRule.__struct_fields__
    if name not in {"when", "skip", "event", "event_from", "type", *_OBJECTS}
)


def _converted(value: Any, spec: Spec) -> Any:  # noqa: ANN401 - any JSON
    if value is not None and spec.table is not None:
        value = _looked_up(spec.table, _as_text(value)) if isinstance(value, _Scalar) else None
    if value is not None and spec.times is not None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise NotEvaluated("`times` needs a number")
        # 1999 cents are 19.99, not 19.990000000000002.
        value = round(value * spec.times, 9)
    if value is not None and value != "" and spec.prefix:
        if not isinstance(value, _Scalar):
            raise NotEvaluated("`prefix` needs a text or a number")
        value = spec.prefix + _as_text(value)
    return spec.default if value is None else value


def _looked_up(table: Mapping[str, Any], text: str) -> Any:  # noqa: ANN401 - any JSON
    """The replacement of a value as it is, or in the form in which names are stored."""
    if text in table:
        return table[text]
    form = cleaned(text)
    return next((value for key, value in table.items() if cleaned(key) == form), None)


def _as_text(value: _Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _message(error: msgspec.ValidationError) -> str:
    """Message of the decoder: field names and paths, without the unknown names that it repeats."""
    message = str(error)
    if "unknown field" in message:
        _, _, path = message.partition(" - at `")
        return f"{path.rstrip('`').removeprefix('$.') or 'mapping'}: a field is not known here"
    return message
