"""Names say things in the field's terms: words of our own that have been retired do not come back."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PLACES = ("deploy", "migrations", "services", "shared", "tests")

RELEASED = "migrations/versions/"
"""Migrations that databases have run keep their names."""

RETIRED_ANYWHERE = {
    "anew": "again, or a verb with re-: refold",
    "anybody": "the thing of the program: caller, sender, reader",
    "chart": "map",
    "circle": "cycle",
    "circles": "cycles",
    "complaint": "message, error",
    "complaints": "messages, errors",
    "condemned": "unapplicable",
    "deed": "evidence",
    "deeds": "evidence",
    "forget": "erase for people, invalidate for caches",
    "forgets": "erases, invalidates",
    "forgetting": "erasure, invalidation",
    "forgotten": "erased, invalidated",
    "furnish": "bootstrap",
    "furnishing": "bootstrap",
    "homeless": "without a home",
    "lane": "partition worker",
    "lanes": "partition workers",
    "mended": "repaired",
    "nobody": "the thing of the program: caller, sender, reader",
    "population": "stage gauges",
    "relied": "depended",
    "reread": "refold, reload",
    "rereading": "refold, reload",
    "shelf": "command group",
    "shrunk": "lost members",
    "somebody": "the thing of the program: caller, sender, reader",
    "taken": "decoded, applied, absorbed, reserved, merged into",
    "taking": "decoding, applying, absorbing, reserving",
    "told": "response, header value, sent value, reported",
    "whoever": "the thing of the program: caller, sender, reader",
    "whomever": "the thing of the program: caller, sender, reader",
}
"""Words that are no part of any name, and what to say instead."""

RETIRED_ALONE = {
    "asked": "the query, the request, the calls",
    "book": "identity graph, workbook",
    "claims": "name locks",
    "following": "next offset",
    "found": "what it is: the match, the row, the path",
    "known": "what it is: the credentials, the existing ids",
    "letter": "dead letter",
    "letters": "dead letters",
    "marked": "to erase",
    "ring": "key cache",
    "take": "decode, apply, absorb, reserve",
}
"""Words that say too little as a whole name; as a part of one they may be right: `known_keys`."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def words(name: str) -> list[str]:
    """Lower-case words of a name, in snake case or in camel case."""
    return [word.lower() for word in _WORD.findall(name)]


def advice(name: str) -> str | None:
    """What to say instead of a name, or None for one that may stay."""
    parts = words(name)
    if len(parts) == 1 and parts[0] in RETIRED_ALONE:
        return RETIRED_ALONE[parts[0]]
    return next((RETIRED_ANYWHERE[part] for part in parts if part in RETIRED_ANYWHERE), None)


def named(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name of whatever a module names itself: not what it uses of others."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr
            case ast.alias(asname=str(name)):
                yield node.lineno, name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield node.lineno, name
            case _:
                pass


def offences(path: str, source: str) -> list[str]:
    """One line for each name of a file that should be another."""
    names = [(1, part) for part in Path(path).with_suffix("").parts]
    return [
        f"{path}:{line}: {name}: say {instead}"
        for line, name in [*names, *named(ast.parse(source))]
        if (instead := advice(name))
    ]


def test_no_name_is_a_word_of_ours_where_the_field_has_a_term() -> None:
    paths = sorted(path for place in PLACES for path in (ROOT / place).rglob("*.py"))
    ids = {path.relative_to(ROOT).as_posix(): path for path in paths}

    assert [
        offence
        for id_, path in ids.items()
        if not id_.startswith(RELEASED) and "node_modules" not in id_
        for offence in offences(id_, path.read_text("utf-8"))
    ] == []


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("def forget_person(): ...", "forget_person"),
        ("async def whoever(): ...", "whoever"),
        ("class ToldItsAddress: ...", "ToldItsAddress"),
        ("def f(taken): ...", "taken"),
        ("found = 1", "found"),
        ("self._ring = 1", "_ring"),
        ("for asked in (): ...", "asked"),
        ("with f() as known: ...", "known"),
        ("import json as book", "book"),
        ("try: ...\nexcept E as found: ...", "found"),
        ("match x:\n    case y as told: ...", "told"),
        ("LANES = 4", "LANES"),
    ],
)
def test_a_retired_word_is_caught_wherever_a_name_is_given(source: str, name: str) -> None:
    (offence,) = offences("services/example.py", source)

    assert f": {name}: say " in offence


def test_the_name_of_a_file_or_a_folder_counts() -> None:
    assert len(offences("services/stager/forgetting.py", "")) == 1
    assert len(offences("services/furnish/steps.py", "")) == 1


@pytest.mark.parametrize(
    "source",
    ["known_keys = {}", "x.found", "print(told)", "retake = 1", "foundation = 1", '"forgotten"'],
)
def test_a_word_that_says_enough_or_is_only_used_is_let_through(source: str) -> None:
    assert offences("services/example.py", source) == []
