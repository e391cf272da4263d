"""Small pieces of text that several messages share. Pure."""

import difflib
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
