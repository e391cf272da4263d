"""Problems of a map: place, message and a hint how to correct it.

A problem contains no more of the author's text than a short excerpt of a key: problems are logged and
returned by the API.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.wording import nearest

Path = tuple[str | int, ...]
"""Place within a map: keys of mappings and indices of lists, outermost first."""

_EXCERPT_CHARS = 40


@dataclass(frozen=True, slots=True)
class Position:
    """Line and column in the text, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class MapProblem:
    """One error or warning. `line` and `column` are None for a stored definition, which has no text."""

    line: int | None
    column: int | None
    path: str
    """Place within the map, e.g. `stages[2].enter.any[0].count`; empty for the map as a whole."""
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        """One line for a terminal or a log."""
        place = "" if self.line is None else f"line {self.line}, column {self.column}: "
        path = f"{self.path}: " if self.path else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}{path}{self.message}{hint}"


class MapInvalid(ValueError):
    """The text is not a valid map; `problems` has all errors, in the order of the text."""

    def __init__(self, problems: Iterable[MapProblem]) -> None:
        """Sort the problems by their position."""
        self.problems = tuple(sorted(problems, key=lambda p: (p.line or 0, p.column or 0)))
        super().__init__("; ".join(map(str, self.problems[:3])))


class Positions:
    """Positions of the parts of a map in its text; empty for a map that did not come from text."""

    def __init__(self) -> None:
        """Create an empty index."""
        self._values: dict[Path, Position] = {}
        self._keys: dict[Path, Position] = {}

    def mark_value(self, path: Path, position: Position) -> None:
        """Set the beginning of the value at `path`."""
        self._values[path] = position

    def mark_key(self, path: Path, position: Position) -> None:
        """Set the beginning of the key at `path`."""
        self._keys[path] = position

    def find(self, path: Path, *, key: bool = False) -> Position | None:
        """Position of the value (or of its key) at `path`, else of the nearest part that contains it."""
        if key and path in self._keys:
            return self._keys[path]
        for length in range(len(path), -1, -1):
            position = self._values.get(path[:length])
            if position is not None:
                return position
        return None

    def problem(
        self, path: Path, message: str, hint: str | None = None, *, key: bool = False
    ) -> MapProblem:
        """Build a problem about the value (or the key) at `path`."""
        position = self.find(path, key=key)
        return MapProblem(
            line=position.line if position else None,
            column=position.column if position else None,
            path=path_text(path),
            message=message,
            hint=hint,
        )


def path_text(path: Path) -> str:
    """Write a path as authors read it: `stages[2].enter`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{excerpt(part)}" if text else excerpt(part)
    return text


def excerpt(text: str) -> str:
    """A short, printable excerpt of the author's text."""
    shown = "".join(char if char.isprintable() else "?" for char in text[:_EXCERPT_CHARS])
    return shown + "..." if len(text) > _EXCERPT_CHARS else shown


def did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    """A hint with the candidate closest to `word`, or with the first few; None without candidates."""
    words = sorted(set(candidates))
    close = nearest(word, words)
    if close:
        return f"did you mean `{excerpt(close)}`?"
    if not words:
        return None
    most = 12
    listed = ", ".join(f"`{excerpt(each)}`" for each in words[:most])
    return f"known here: {listed}{', ...' if len(words) > most else ''}"
