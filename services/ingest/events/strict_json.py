"""JSON that every later reader can hold: hazards are refused with their reason. Pure.

msgspec refuses NaN, Infinity, 1e400, lone surrogates, invalid UTF-8 and nesting beyond the interpreter's
limit. The hazards that it accepts, and Postgres, JavaScript or the engine cannot hold, are refused here:
NUL, nesting beyond MAX_DEPTH. Integers beyond 64 bits, such as unsigned ids, are kept as text. The last of
duplicate keys wins.
"""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from services.ingest.events.candidate import NOT_AN_OBJECT, NUMBER_OUT_OF_RANGE
from services.ingest.events.verdicts import BodyCode, BodyRefused, RefusalCode, Refused
from services.ingest.limits import MAX_DEPTH

TOO_DEEP = Refused(RefusalCode.TOO_DEEP, f"An event nests at most {MAX_DEPTH} levels deep.")
_UTF8 = Refused(RefusalCode.INVALID_UTF8, "The event is not valid UTF-8.")
_BAD_TEXT = Refused(
    RefusalCode.INVALID_UNICODE,
    "Text holds neither the NUL character (\\u0000) nor half of a surrogate pair (\\ud800 to"
    " \\udfff).",
)
_MALFORMED = Refused(RefusalCode.MALFORMED_JSON, "The event is not valid JSON.")

_MIN_INT, _MAX_INT = -(2**63), 2**63 - 1
_DIGITS_OF_MAX_INT = 19
_LONG_RUN = b"0" * _DIGITS_OF_MAX_INT
# Digits become 0 and other bytes a space: a run of 19 digits is then found by one search.
_DIGITS = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else 32 for byte in range(256))  # noqa: PLR2004 - ASCII
# In each pattern group 1 is valid text and group 2 the hazard, so that a body full of escapes does not cost a
# call for each. A lone surrogate is one without its other half beside it.
_HALF = rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
_PAIR = rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_LONE = re.compile(rb"((?:[^\\]++|%b|(?!%b)\\.)*+)(%b)?" % (_PAIR, _HALF, _HALF), re.DOTALL)
# Python and others write these as numbers, which JSON does not have; inside of a text they are valid.
_WORD = rb"-?(?:NaN|Infinity)"
_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
_NO_NUMBER = re.compile(rb'((?:[^"NI-]++|%b|(?!%b).)*+)(%b)?' % (_TEXT, _WORD, _WORD), re.DOTALL)
_MOST_REPAIRS = 10_000
"""Text with more is hostile and stays as it is."""

_CONTAINERS = (dict, list)  # a constant: `dict | list` would be built at every check

_T = TypeVar("_T")

_decode_any: Callable[[bytes], Any] = msgspec.json.Decoder().decode


def may_hold_hazards(body: bytes) -> bool:
    """Whether an item of `body` might hold a NUL or an integer beyond 64 bits. False is certain.

    Cost: two passes in C over the bytes, so that clean bodies need no walk. Depth is not visible in the
    bytes of a batch; `decisions` checks it for each event.
    """
    return b"\\u0000" in body or _LONG_RUN in body.translate(_DIGITS)


def hazard(value: object, depth: int = 1) -> Refused | None:
    """The first hazard in `value`, or None; integers beyond 64 bits inside of it become text, in place.

    Level by level: hostile JSON is wide, and a recursive call for each value would cost 30 times as much.
    """
    level = [value]
    has_long_integers = False
    while level:
        below: list[object] = []
        for each in level:
            if isinstance(each, str):
                if "\x00" in each:
                    return _BAD_TEXT
            elif isinstance(each, int):
                has_long_integers = has_long_integers or not _MIN_INT <= each <= _MAX_INT
            elif isinstance(each, _CONTAINERS):
                if depth > MAX_DEPTH:
                    return TOO_DEEP
                below += each
                if isinstance(each, dict):
                    below += each.values()
        depth += 1
        level = below
    if has_long_integers:
        _keep_as_text(value)
    return None


def _keep_as_text(value: object) -> None:
    containers: list[Any] = [value]
    while containers:
        each = containers.pop()
        for place, inner in each.items() if isinstance(each, dict) else enumerate(each):
            if isinstance(inner, _CONTAINERS):
                containers.append(inner)
            elif isinstance(inner, int) and not _MIN_INT <= inner <= _MAX_INT:
                each[place] = str(inner)


def decode(item: bytes) -> object | Refused:
    """Read one event; None is JSON's null."""
    # In a list, so that a bare number can become text as well.
    read_value = [read(item, _decode_any)]
    return hazard(read_value, depth=0) or read_value[0]


def read(item: bytes, decoder: Callable[[bytes], _T]) -> _T | Refused:
    """Read one event with `decoder`; the caller checks it for hazards.

    A lone surrogate becomes NUL, which `hazard` refuses; see `repaired`.
    """
    try:
        return decoder(item)
    except UnicodeDecodeError:
        return _UTF8
    except RecursionError:
        return TOO_DEEP
    except msgspec.ValidationError as exc:
        return NOT_AN_OBJECT if str(exc).startswith("Expected `object`") else NUMBER_OUT_OF_RANGE
    except msgspec.DecodeError:
        text = repaired(item)
        return _MALFORMED if text == item else read(text, decoder)


def repaired(text: bytes) -> bytes:
    """`text` with lone surrogates replaced by NUL, and NaN and Infinity by 1e999.

    The parser refuses a body with one of them as a whole; this lets it separate the items. `decode` refuses
    the replacements, so that the item with the hazard is refused alone.
    """
    text = _replaced(_LONE, rb"\u0000", text)
    if b"NaN" in text or b"Infinity" in text:
        text = _replaced(_NO_NUMBER, b"1e999", text)
    return text


def _replaced(pattern: re.Pattern[bytes], by: bytes, text: bytes) -> bytes:
    repaired, times = pattern.subn(
        lambda match: match[1] + (by if match[2] else b""), text, count=_MOST_REPAIRS
    )
    return repaired if times < _MOST_REPAIRS else text


def outer_problem(body: bytes) -> BodyRefused | None:
    """Refusal of a body by its first bytes, before it is parsed; None for one that may be JSON."""
    if body.startswith((b"{", b"[")) and b"\x00" not in body[:4]:
        return None
    if not body or body.isspace():
        return EMPTY_BODY
    if body.startswith(b"\x1f\x8b"):
        return BodyRefused(
            BodyCode.BROKEN_ENCODING,
            "The body is gzip where JSON was expected: compress once and send"
            " `Content-Encoding: gzip`.",
        )
    if body.startswith(b"\xef\xbb\xbf"):
        return MARKED_BODY
    if body.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in body[:4]:
        return BodyRefused(BodyCode.NOT_UTF8, "The body looks like UTF-16 or UTF-32: send UTF-8.")
    return None


EMPTY_BODY = BodyRefused(BodyCode.EMPTY_BODY, "The body is empty: send events as JSON.")
MARKED_BODY = BodyRefused(
    BodyCode.NOT_UTF8, "The body begins with a byte order mark: send UTF-8 without one."
)
MALFORMED_BODY = BodyRefused(BodyCode.MALFORMED_JSON, "The body is not valid JSON.")
TOO_DEEP_BODY = BodyRefused(BodyCode.TOO_DEEP, f"An event nests at most {MAX_DEPTH} levels deep.")
