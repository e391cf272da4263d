"""The documents are true: what they list exists, what exists is listed, links lead somewhere."""

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

from shared.telemetry import catalogue
from tests.conftest import ROOT

DOCS = ROOT / "docs"
DECISIONS = sorted(p for p in (DOCS / "decisions").glob("*.md") if p.name != "README.md")
PAGES = sorted(
    [*DOCS.rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "deploy").rglob("*.md")],
)

SECTIONS = [
    "Context",
    "Decision",
    "Consequences",
    "Alternatives",
    "Revisit trigger",
    "Enforced by",
]

_ROW = re.compile(r"^\| ([RA]\d+) \|(.+)\|(.+)\|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def _text(page: Path) -> str:
    return page.read_text("utf-8")


def _id(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_the_list_of_metrics_is_the_catalogue() -> None:
    assert _text(DOCS / "metrics.md") == catalogue.document(), "run `make docs`"


def test_every_requirement_and_scenario_has_one_row() -> None:
    rows = [match[0] for match in _ROW.findall(_text(DOCS / "requirements.md"))]

    assert rows == [f"R{n}" for n in range(1, 64)] + [f"A{n}" for n in range(1, 22)]


def test_a_row_names_a_test_or_says_not_yet() -> None:
    for name, _, proof in _ROW.findall(_text(DOCS / "requirements.md")):
        assert _TEST.search(proof) or proof.strip() == "not yet", name


def test_this_step_is_proved() -> None:
    proofs = {name: proof for name, _, proof in _ROW.findall(_text(DOCS / "requirements.md"))}
    numbers = (1, 2, 3, 4, 5, 6, 9, 10, 16, 17, 18, 19, 20, 24, 25, 32, 33, 35, 41, 45)
    wanted = [f"R{n}" for n in numbers] + ["A1", "A12", "A21"]

    assert [name for name in wanted if "not yet" in proofs[name]] == []


@pytest.mark.parametrize("page", [pytest.param(page, id=_id(page)) for page in PAGES])
def test_tests_that_a_page_names_exist(page: Path) -> None:
    missing = [
        f"{file}::{function}" if function else file
        for file, function in _TEST.findall(_text(page))
        if not (ROOT / file).is_file() or (function and function not in _functions(ROOT / file))
    ]

    assert missing == []


@pytest.mark.parametrize("page", [pytest.param(page, id=_id(page)) for page in PAGES])
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    broken = []
    for target in _LINK.findall(_CODE.sub("", _text(page))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            broken.append(target)

    assert broken == []


@pytest.mark.parametrize("page", [pytest.param(page, id=_id(page)) for page in PAGES])
def test_no_page_knows_the_machine_that_it_was_written_on(page: Path) -> None:
    paths = re.findall(r"(?<![\w.])/(?:home|root|Users|work|mnt|tmp)/\S*", _text(page))

    assert paths == []


@pytest.mark.parametrize("page", [pytest.param(page, id=_id(page)) for page in DECISIONS])
def test_a_decision_has_every_section_and_decides_in_one_line(page: Path) -> None:
    text = _text(page)
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    decision = text.split("## Decision\n")[1].split("\n\n| ")[0].split("## ")[0].strip()

    assert text.startswith(f"# {page.name[:4]} ")
    assert [heading for heading in headings if heading in SECTIONS] == SECTIONS
    assert "\n\n" not in decision, "one sentence, an order; the rest belongs to the consequences"
    assert all(part.strip() for part in re.split(r"^## .+$", text, flags=re.MULTILINE)[1:])


def test_every_decision_has_a_number_of_its_own_and_is_listed() -> None:
    listed = re.findall(
        r"^\| \[(\d{4})\]\(([\w-]+\.md)\) \|", _text(DOCS / "decisions/README.md"), re.MULTILINE
    )

    assert len({page.name[:4] for page in DECISIONS}) == len(DECISIONS)
    assert listed == [(page.name[:4], page.name) for page in DECISIONS]


def test_every_dependency_has_a_reason() -> None:
    project = tomllib.loads(_text(ROOT / "pyproject.toml"))["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    needed = [re.split(r"[\[<>=!~;]", line)[0] for line in (*project["dependencies"], *extras)]
    reasons = re.findall(
        r"^\| ([\w-]+) \| (.+\.) \|$", _text(DOCS / "decisions/0009-dependencies.md"), re.MULTILINE
    )

    assert [name for name, _ in reasons] == sorted(needed)


def test_the_glossary_explains_the_words_of_the_tables() -> None:
    words = _text(DOCS / "glossary.md")

    for word in ("workspace", "touchpoint", "subject", "identifier", "member", "placement",
                 "transition", "deadline", "alert", "dead letter", "re-fold"):  # fmt: skip
        assert re.search(rf"^\| [^|]*\b{word}\b", words, re.MULTILINE), word


def test_architecture_names_every_folder() -> None:
    named = set(re.findall(r"`([\w/]+)`", _text(DOCS / "architecture.md")))
    folders = {
        f"{top}/{child.name}"
        for top in ("services", "shared")
        for child in (ROOT / top).iterdir()
        if child.is_dir() and (child / "__init__.py").exists()
    }

    assert folders - named == set()


@cache
def _functions(file: Path) -> frozenset[str]:
    tree = ast.parse(_text(file))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


@cache
def _anchors(file: Path) -> frozenset[str]:
    headings = re.findall(r"^#{1,6} (.+)$", _text(file), re.MULTILINE)
    return frozenset(
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings
    )
