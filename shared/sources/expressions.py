"""JMESPath expressions of bounded cost. Pure.

A mapping must not be able to stop ingest: an expression is bounded in length, in nesting and in how
often it can repeat its input, and its evaluation stops after a number of steps.
Source: the JMESPath specification; `jmespath` evaluates.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jmespath
import msgspec
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions, signature
from jmespath.visitor import TreeInterpreter

MAX_CHARS = 500
MAX_STEPS = 20_000
"""For one item, over all expressions of a mapping: some 30 ms. A step is a node visited, or a hundred
bytes of an object or list that a function reads as a whole."""
MAX_GROWTH = 64
"""Product of the branches of all `[a, b]` and `{x: a, y: b}`: how often they can repeat the data."""
MAX_JOINED_CHARS = 65_536

_MAX_DEPTH = 40
_STEP_BYTES = 100


class ExpressionProblem(ValueError):
    """The expression is not JMESPath, or could cost too much; the message says which."""


class NotEvaluated(Exception):
    """The expression does not fit the data, or its evaluation took too many steps."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression."""

    text: str
    tree: Mapping[str, Any]


def compiled(text: str) -> Expression:
    """Compile. Raises ExpressionProblem."""
    if len(text) > MAX_CHARS:
        raise ExpressionProblem(f"an expression has at most {MAX_CHARS} characters")
    try:
        tree: Mapping[str, Any] = jmespath.compile(text).parsed
    except (JMESPathError, RecursionError, ValueError) as exc:
        position = getattr(exc, "lex_position", None) or getattr(exc, "lexer_position", None)
        where = f", at character {position}" if position else ""
        raise ExpressionProblem(f"this is no JMESPath expression{where}") from exc
    branches = 1
    # A virtual parent that takes no `&expression`, so that the root is checked like any other node.
    for node, depth in _nodes({"type": "", "children": [tree]}):
        if depth > _MAX_DEPTH:
            raise ExpressionProblem(f"an expression nests at most {_MAX_DEPTH} levels deep")
        if node["type"] in ("multi_select_list", "multi_select_dict"):
            branches *= max(1, len(node["children"]))
        problem = _problem(node)
        if problem is not None:
            raise ExpressionProblem(problem)
    if branches > MAX_GROWTH:
        raise ExpressionProblem("an expression that repeats the data so often could not be bounded")
    return Expression(text, tree)


def _problem(node: Mapping[str, Any]) -> str | None:
    function = node["value"] if node["type"] == "function_expression" else None
    if function is not None and function not in _BOUNDED.FUNCTION_TABLE:
        return "it calls a function that JMESPath does not have"
    if node["type"] == "literal" and not is_storable(node["value"]):
        return "it holds a number or a character that cannot be stored"
    if function not in _TAKE_EXPRESSIONS and any(
        child["type"] == "expref" for child in _children(node)
    ):
        return "`&` stands in sort_by, min_by, max_by and map alone"
    return None


def is_storable(value: object) -> bool:
    """Whether JSON, Postgres and JavaScript can hold it: finite numbers, no NUL, no lone surrogate."""
    if isinstance(value, str):
        return "\x00" not in value and _encodes(value)
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list):
        return all(map(is_storable, value))
    if isinstance(value, dict):
        return all(map(is_storable, [*value, *value.values()]))
    return value is None


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Evaluation:
    """Evaluates expressions on one item, with one budget of steps for all of them."""

    def __init__(self, item: object, *, steps: int = MAX_STEPS) -> None:
        """`item`: JSON as Python holds it."""
        self._item = item
        self._interpreter = _Bounded(item, steps)

    def of(self, expression: Expression) -> Any:  # noqa: ANN401 - any JSON
        """Value of the expression. Raises NotEvaluated."""
        try:
            return self._interpreter.visit(expression.tree, self._item)
        except (JMESPathError, ArithmeticError, LookupError, TypeError, ValueError) as exc:
            raise NotEvaluated(type(exc).__name__) from exc
        except RecursionError as exc:
            raise NotEvaluated("too deep") from exc

    def holds(self, expression: Expression) -> bool:
        """Whether the value counts as true in JMESPath: not null, false or empty."""
        value = self.of(expression)
        return bool(value) or (isinstance(value, int | float) and not isinstance(value, bool))


class _Bounded(TreeInterpreter):
    """Counts its steps; a step that reads a whole object costs in proportion to its size."""

    def __init__(self, item: object, steps: int) -> None:
        super().__init__()
        self._functions = _BOUNDED
        self._left = steps
        self._item = item
        self._whole = 0

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the base class
        self._pay(1)
        return super().visit(node, *args, **kwargs)

    def visit_comparator(self, node: Any, value: Any) -> Any:  # noqa: ANN401
        sides = [self.visit(child, value) for child in node["children"]]
        self._pay_for(sides)
        literals: Any = [{"type": "literal", "value": side, "children": []} for side in sides]
        compared: Any = {**node, "children": literals}
        return super().visit_comparator(compared, value)

    def visit_function_expression(self, node: Any, value: Any) -> Any:  # noqa: ANN401
        given = [self.visit(child, value) for child in node["children"]]
        self._pay_for(given)
        return self._functions.call_function(node["value"], given)

    def visit_flatten(self, node: Any, value: Any) -> Any:  # noqa: ANN401
        self._pay_for([value])
        return super().visit_flatten(node, value)

    def _pay_for(self, values: Sequence[object]) -> None:
        for value in values:
            if isinstance(value, list | dict):
                self._whole = self._whole or 1 + len(msgspec.json.encode(self._item)) // _STEP_BYTES
                self._pay(self._whole)
            elif isinstance(value, str):
                self._pay(len(value) // _STEP_BYTES)

    def _pay(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise NotEvaluated("it takes too many steps")


class _BoundedFunctions(Functions):
    """JMESPath's functions, with a bound where one makes long text out of short text."""

    @signature({"types": ["string"]}, {"types": ["array-string"]})
    def _func_join(self, separator: str, array: list[str]) -> str:
        if len(separator) * len(array) + sum(map(len, array)) > MAX_JOINED_CHARS:
            raise NotEvaluated("text too long")
        return separator.join(array)

    @signature({"types": []})
    def _func_to_string(self, value: object) -> str:
        if isinstance(value, str):
            return value
        text = json.dumps(value, separators=(",", ":"))
        # Each nested call escapes the escapes of the one before: the text doubles.
        if len(text) > MAX_JOINED_CHARS:
            raise NotEvaluated("text too long")
        return text

    @signature({"types": ["object", "array", "boolean", "number", "string", "null"]})
    def _func_to_number(self, value: object) -> object:
        # `float` accepts "NaN" and "1e999", which are not JSON numbers.
        try:
            number = float(value) if isinstance(value, str) else value
        except ValueError:
            return None
        if isinstance(number, bool) or not isinstance(number, int | float):
            return None
        if not math.isfinite(number):
            return None
        is_whole = isinstance(number, float) and number.is_integer()
        return int(number) if isinstance(value, str) and is_whole else number


_TAKE_EXPRESSIONS = frozenset({"map", "max_by", "min_by", "sort_by"})
_BOUNDED = _BoundedFunctions()


def _nodes(tree: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], int]]:
    pending = [(tree, 1)]
    while pending:
        node, depth = pending.pop()
        yield node, depth
        pending += [(child, depth + 1) for child in _children(node)]


def _children(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    # The children of a slice are numbers.
    return [child for child in node.get("children", ()) if isinstance(child, dict)]
