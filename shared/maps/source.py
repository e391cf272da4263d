"""Text to plain data, with the position of every part. All handling of hostile text is here.

YAML is read by the core schema of YAML 1.2, of which JSON is a part, minus what makes files
surprising or costly: no anchors, aliases, tags or merge keys, one document, no key twice, bounded
size, depth and number of parts. Words that YAML 1.1 reads as booleans are refused, because YAML 1.2
reads them as text.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml

from shared.maps.problems import (
    MapInvalid,
    MapProblem,
    Path,
    Position,
    Positions,
    excerpt,
    path_text,
)

MAX_BYTES = 512 * 1024
MAX_DEPTH = 32
"""Levels of lists and mappings; the deepest ready template has nine."""
MAX_PARTS = 20_000
"""Keys, values, lists and mappings together: reading that many takes about a quarter second."""
MAX_PROBLEMS = 50
"""Limit of the errors reported for one text."""

# libyaml is ten times as fast; on a platform without it the Python parser is used.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Everything outside of what YAML calls printable.
_UNPRINTABLE = re.compile(
    "[^\x09\x0a\x0d\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
# Text may contain line breaks and tabs, and no other control character.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEAN = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_AMBIGUOUS_WORD = re.compile(r"(?i:yes|no|on|off)")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_OTHER_BASE = re.compile(r"[-+]?0([0-9]+|x[0-9a-fA-F]+|o[0-7]+)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"(?i:[-+]?\.inf|\.nan)|NaN|[-+]?Infinity")
_MAX_NUMBER_CHARS = 40
# A pair of escapes for one character beyond U+FFFF is valid JSON, but not valid YAML.
_SURROGATE_PAIR = re.compile(
    r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
)

_MESSAGES = {
    "mapping values are not allowed": (
        "a key cannot stand here",
        "put text that holds a colon in quotes; check the indentation",
    ),
    "did not find expected key": (
        "this line does not fit the ones above it",
        "check indentation, commas and quotes",
    ),
    "did not find expected '-' indicator": (
        "this line does not belong to the list above it",
        "check the indentation",
    ),
    "block sequence entries are not allowed": (
        "a list cannot begin on this line",
        "begin each item on a line of its own",
    ),
    "cannot start any token": (
        "text cannot begin with this character",
        "put the text in quotes",
    ),
    "invalid Unicode character escape": (
        "an escape in this text stands for no character",
        "write the character itself",
    ),
}
_UNCLOSED = {
    "did not find expected ',' or ']'": ("the list is not closed", "add `]` or a comma"),
    "did not find expected ',' or '}'": ("the mapping is not closed", "add `}` or a comma"),
    "found unexpected end of stream": ("the quotes are not closed", "close them"),
    "could not find expected ':'": ("a key without a value", "write `key: value`"),
}
"""Reported at the beginning of the part: the parser notices the error at its end."""


@dataclass(frozen=True, slots=True)
class SourceData:
    """Plain data of one document: dict, list, str, int, float, bool and None.

    With no `problems`, floats are finite and strings hold no control characters.
    """

    data: object
    positions: Positions
    problems: list[MapProblem]
    """Problems of single values; the rest of the data can be checked all the same."""


def read(text: str | bytes) -> SourceData:
    """Read one YAML or JSON document with the positions of its parts.

    Raises MapInvalid for an error after which the parser cannot go on. Cost: linear in the text, bounded by
    MAX_BYTES and MAX_PARTS.
    """
    checked = _checked_text(text)
    reader = _Reader(checked)
    try:
        data = reader.document()
    except yaml.MarkedYAMLError as exc:
        raise MapInvalid([*reader.problems, _syntax_problem(exc, checked)]) from exc
    except yaml.YAMLError as exc:
        raise MapInvalid([MapProblem(None, None, "", "the text is not YAML")]) from exc
    return SourceData(data, reader.positions, reader.problems)


def _checked_text(text: str | bytes) -> str:
    encoded = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    if len(encoded) > MAX_BYTES:
        message = f"the map is larger than {MAX_BYTES // 1024} KiB"
        raise MapInvalid([MapProblem(None, None, "", message)])
    if isinstance(text, bytes):
        try:
            text = encoded.decode("utf-8")
        except UnicodeDecodeError as exc:
            position = _position_at(encoded[: exc.start].decode("utf-8"), exc.start)
            problem = MapProblem(
                position.line, position.column, "", "not UTF-8", "save the file as UTF-8"
            )
            raise MapInvalid([problem]) from None
    text = text.removeprefix("\ufeff")
    unprintable = _UNPRINTABLE.search(text)
    if unprintable:
        position = _position_at(text, unprintable.start())
        message = f"the text holds the character U+{ord(unprintable.group()):04X}"
        raise MapInvalid([MapProblem(position.line, position.column, "", message, "remove it")])
    if text.lstrip().startswith("{"):
        # JSON may be indented with tabs, and contains none elsewhere.
        text = _SURROGATE_PAIR.sub(_one_character, text).replace("\t", " ")
    return text


def _one_character(match: re.Match[str]) -> str:
    high, low = int(match.group(2), 16), int(match.group(3), 16)
    code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)
    return f"{match.group(1)}\\U{code:08X}"


def _position_at(text: str, index: int) -> Position:
    before = text[:index]
    return Position(before.count("\n") + 1, len(before) - before.rfind("\n"))


def _syntax_problem(exc: yaml.MarkedYAMLError, text: str) -> MapProblem:
    problem = exc.problem or ""
    at, begun = _of_mark(exc.problem_mark), _of_mark(exc.context_mark or exc.problem_mark)
    lines = text.splitlines()
    rest = lines[at.line - 1][at.column - 1 :] if at.line <= len(lines) else ""
    if rest.startswith("\t"):
        message = "a tab is used for indentation"
        return MapProblem(at.line, at.column, "", message, "indent with spaces")
    for words, (message, hint) in _UNCLOSED.items():
        if words in problem:
            return MapProblem(begun.line, begun.column, "", message, hint)
    for words, (message, hint) in _MESSAGES.items():
        if words in problem:
            return MapProblem(at.line, at.column, "", message, hint)
    message, hint = "the text is not YAML at this point", "check indentation, quotes and brackets"
    return MapProblem(at.line, at.column, "", message, hint)


class _Reader:
    """Consumes the parser's events; one instance for each text."""

    def __init__(self, text: str) -> None:
        self.positions = Positions()
        self.problems: list[MapProblem] = []
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
        self._parts = 0

    def document(self) -> object:
        next(self._events)  # start of the stream
        first = next(self._events)
        if isinstance(first, yaml.StreamEndEvent):
            raise MapInvalid([MapProblem(1, 1, "", "the map is empty")])
        data = self._value(next(self._events), ())
        next(self._events)  # end of the document
        second = next(self._events)
        if not isinstance(second, yaml.StreamEndEvent):
            self._refuse(second, (), "a second document begins here", "one file holds one map")
        return data

    def _value(self, event: yaml.Event, path: Path) -> object:
        self._count(event, path)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            self._refuse(event, path, "anchors and aliases are not read", "write the part out")
        if getattr(event, "tag", None) is not None:
            self._refuse(event, path, "tags are not read", "put text in quotes instead")
        self.positions.mark_value(path, _position(event))
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        if len(path) >= MAX_DEPTH:
            self._refuse(event, path, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(path)
        return self._mapping(path)

    def _list(self, path: Path) -> list[object]:
        items: list[object] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, object]:
        items: dict[str, object] = {}
        first_seen: dict[str, Position] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            self._count(event, path)
            position = _position(event)
            if not isinstance(event, yaml.ScalarEvent) or event.anchor or event.tag:
                self._refuse(event, path, "a key is plain text, without anchors or tags")
            key = event.value
            if key == "<<" and event.implicit[0]:
                self._refuse(event, path, "merge keys are not read", "write the part out")
            self._check_text(event, path, key)
            inner = (*path, key)
            if key in first_seen:
                self._note(
                    event,
                    inner,
                    f"`{excerpt(key)}` stands here for the second time,"
                    f" first on line {first_seen[key].line}",
                    "keep one of the two",
                )
            else:
                first_seen[key] = position
                self.positions.mark_key(inner, position)
            items[key] = self._value(next(self._events), inner)
        return items

    def _scalar(self, event: yaml.ScalarEvent, path: Path) -> object:  # noqa: PLR0911 - a table
        text: str = event.value
        if not event.implicit[0]:  # quoted, or a block of text
            self._check_text(event, path, text)
            return text
        if text in _NULL:
            return None
        if text in _BOOLEAN:
            return _BOOLEAN[text]
        if _AMBIGUOUS_WORD.fullmatch(text):
            truth = text.lower() in ("yes", "on")
            hint = f'write {str(truth).lower()}, or "{text}" in quotes for the word'
            self._note(event, path, f"`{text}` may be read as text or as true or false", hint)
            return text
        if _OTHER_BASE.fullmatch(text):
            hint = "put it in quotes if it is text"
            self._note(event, path, "a number that begins with 0 may be read in two ways", hint)
            return text
        if _NOT_FINITE.fullmatch(text):
            self._note(event, path, "not a finite number", "put it in quotes if it is text")
            return text
        if _FLOAT.fullmatch(text):
            return self._number(event, path, text)
        return text

    def _number(self, event: yaml.ScalarEvent, path: Path, text: str) -> int | float:
        is_integer = _INTEGER.fullmatch(text) is not None
        if len(text) > _MAX_NUMBER_CHARS or not math.isfinite(number := float(text)):
            self._note(event, path, "the number is too large or too long")
            return 0
        # Beyond 2^53 readers of JSON disagree about integers.
        if is_integer and abs(int(text)) > 2**53:
            self._note(event, path, "the number is too large or too long", "quote it if it is text")
            return 0
        return int(text) if is_integer else number

    def _check_text(self, event: yaml.Event, path: Path, text: str) -> None:
        match = _CONTROL.search(text)
        if match:
            code = f"U+{ord(match.group()):04X}"
            self._note(event, path, f"the text holds the control character {code}", "remove it")

    def _count(self, event: yaml.Event, path: Path) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            self._refuse(event, path, f"the map has more than {MAX_PARTS} parts")

    def _note(self, event: yaml.Event, path: Path, message: str, hint: str | None = None) -> None:
        position = _position(event)
        problem = MapProblem(position.line, position.column, path_text(path), message, hint)
        self.problems.append(problem)
        if len(self.problems) >= MAX_PROBLEMS:
            raise MapInvalid(self.problems)

    def _refuse(
        self, event: yaml.Event, path: Path, message: str, hint: str | None = None
    ) -> NoReturn:
        self._note(event, path, message, hint)
        raise MapInvalid(self.problems)


def _position(event: yaml.Event) -> Position:
    return _of_mark(event.start_mark)


def _of_mark(mark: Any) -> Position:  # noqa: ANN401 - the two parsers have a class each
    return Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
