"""Reads the snippets of docs/ways-in, so that tests run what the pages show.

A fenced block with a test's name in its info string, as in ```` ```python test=python-sdk ````.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

WAYS_IN = ROOT / "docs" / "ways-in"

_BLOCK = re.compile(
    r"^(?P<fence>`{3,})(?P<language>[\w+-]+) (?:[^\n`]* )?test=(?P<test>[\w-]+)[^\n`]*\n"
    r"(?P<text>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """One block; `text` is what stands between its fences, to the last line's end."""

    language: str
    test: str
    text: str


def snippets(markdown: str) -> Sequence[Snippet]:
    """The blocks of a page that name a test, in their order."""
    return [
        Snippet(language=block["language"], test=block["test"], text=block["text"])
        for block in _BLOCK.finditer(markdown)
    ]


def snippet(test: str, folder: Path = WAYS_IN) -> Snippet:
    """The one block that names `test`. Raises ValueError when there is none, or more than one."""
    named = [
        each
        for page in sorted(folder.glob("*.md"))
        for each in snippets(page.read_text("utf-8"))
        if each.test == test
    ]
    if len(named) != 1:
        message = f"{len(named)} snippets name the test {test}"
        raise ValueError(message)
    return named[0]
