"""What can be wrong with a map, said so that its author can mend it.

A problem never carries more of the author's text than a short piece of a key's name: maps travel
through logs and answers of the API.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Where something stands within a map: keys of mappings and indices of lists, outermost first."""

_EXCERPT_CHARS = 40


@dataclass(frozen=True, slots=True)
class Position:
    """Line and column in the text, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class MapProblem:
    """One finding. `line` and `column` are None where there is no text, only a stored definition."""

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
    """The text is not a map that Stageline can run; `problems` says all that was found."""

    def __init__(self, problems: Iterable[MapProblem]) -> None:
        """Order the problems as they stand in the text."""
        self.problems = tuple(sorted(problems, key=lambda p: (p.line or 0, p.column or 0)))
        super().__init__("; ".join(map(str, self.problems[:3])))


class Positions:
    """Where the parts of a map stand in its text; empty for a map that did not come from text."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._values: dict[Path, Position] = {}
        self._keys: dict[Path, Position] = {}

    def mark_value(self, path: Path, position: Position) -> None:
        """Note where the value at `path` begins."""
        self._values[path] = position

    def mark_key(self, path: Path, position: Position) -> None:
        """Note where the key that leads to `path` stands."""
        self._keys[path] = position

    def find(self, path: Path, *, key: bool = False) -> Position | None:
        """Position of the value (or of its key) at `path`, else of the nearest part around it."""
        if key and path in self._keys:
            return self._keys[path]
        for length in range(len(path), -1, -1):
            found = self._values.get(path[:length])
            if found is not None:
                return found
        return None

    def problem(
        self, path: Path, message: str, hint: str | None = None, *, key: bool = False
    ) -> MapProblem:
        """Make a finding about the value (or the key) at `path`."""
        found = self.find(path, key=key)
        return MapProblem(
            line=found.line if found else None,
            column=found.column if found else None,
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
    """A short, printable piece of the author's own words."""
    shown = "".join(char if char.isprintable() else "?" for char in text[:_EXCERPT_CHARS])
    return shown + "..." if len(text) > _EXCERPT_CHARS else shown


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Suggest the known word that `word` most likely stands for, or list a few that there are."""
    words = sorted(set(known))
    # Longer words are no near miss of anything; comparing them would only cost time.
    close = difflib.get_close_matches(word[:64], words, n=1, cutoff=0.6)
    if close:
        return f"did you mean `{excerpt(close[0])}`?"
    if not words:
        return None
    most = 12
    listed = ", ".join(f"`{excerpt(known_word)}`" for known_word in words[:most])
    return f"known here: {listed}{', ...' if len(words) > most else ''}"
