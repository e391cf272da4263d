"""Small pieces of text that several messages share. Pure."""

import difflib
import unicodedata
from collections.abc import Iterable

_COMPARED_CHARS = 64
"""The cost of a comparison grows with the square of the length."""


def counted(number: int, noun: str) -> str:
    """A number with its noun: "1 event", "2 events"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def nearest(word: str, candidates: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The candidate closest to `word`, for a hint "did you mean ...?"; None if none is close.

    `cutoff`: least similarity, from 0 (any) to 1 (equal).
    """
    close = difflib.get_close_matches(word[:_COMPARED_CHARS], list(candidates), n=1, cutoff=cutoff)
    return close[0] if close else None


def likely_meant(word: str, names: Iterable[str]) -> str | None:
    """The name of which `word` is very likely a misspelling; None if none is.

    Case, spaces and punctuation do not count; beyond those one letter may be wrong, missing, added or
    exchanged with the next, from ten letters on two. Names that differ in a digit are different names.
    """
    folded = _folded(word)
    best: tuple[int, str] | None = None
    for name in sorted(names):
        meant = _folded(name)
        most = _allowed_edits(meant)
        if name == word or abs(len(meant) - len(folded)) > most or not _same_digits(folded, meant):
            continue
        edits = _edits(folded, meant)
        if edits <= most and (best is None or edits < best[0]):
            best = (edits, name)
    return best[1] if best else None


_SHORT, _LONG = 5, 10
"""Letters from which one edit, and from which two, still leave the name recognizable."""


def _allowed_edits(name: str) -> int:
    return 0 if len(name) < _SHORT else 1 if len(name) < _LONG else 2


def _folded(text: str) -> str:
    composed = unicodedata.normalize("NFC", text[:_COMPARED_CHARS])
    return "".join(filter(str.isalnum, composed.casefold()))


def _same_digits(one: str, other: str) -> bool:
    return [char for char in one if char.isdigit()] == [char for char in other if char.isdigit()]


def _edits(one: str, other: str) -> int:
    """Edit distance with exchanges of neighbours (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, char in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, against in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (char != against))
            if i > 1 and j > 1 and char == other[j - 2] and one[i - 2] == against:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
