"""House rules that neither the linter nor the import contracts can express."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.conftest import ROOT

SQL_PLACES = (
    "services/api/queries/",
    "services/cli/importing/distinct.py",
    "services/cli/queries/",
    "services/stager/store/",
    "shared/eventlog/postgres/",
    "shared/storage/",
)
"""Where SQL may be written (migrations aside); of the import, for its temporary SQLite file."""

CONNECTION_NAMES = {"AsyncConnection", "AsyncEngine", "Row"}
"""What others may know of the driver: types to hand a connection on."""

MAY_READ_ENVIRONMENT = (
    "shared/settings.py", "migrations/env.py", "services/cli/", "services/standalone/",
    "deploy/dev/",
)  # fmt: skip

MOST_LINES = 400

MAY_BE_LONGER = "migrations/versions/0001_foundation.py"
"""The first schema as it was released: a migration that databases have run is not rewritten."""

MOST_FILES = 16
"""Of one folder; more ask for folders below it."""

MEANINGLESS = {"utils", "util", "helpers", "misc", "manager"}

_STATEMENT = re.compile(
    r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|CREATE|ALTER|DROP|LISTEN|SET)\s+\w+", re.DOTALL
)


def _sources() -> list[Path]:
    tops = ("services", "shared", "migrations", "deploy")
    return sorted(path for top in tops for path in (ROOT / top).rglob("*.py"))


def _id(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _outside_sql() -> list[Path]:
    return [p for p in _sources() if not _id(p).startswith((*SQL_PLACES, "migrations/"))]


@cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def _imported(path: Path, package: str) -> Iterator[str]:
    for node in ast.walk(_parse(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == package)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == package:
            yield from (alias.name for alias in node.names)


def test_outside_the_sql_places_a_driver_is_a_type_at_most() -> None:
    offences = [
        f"{_id(path)}: {name}"
        for path in _outside_sql()
        for name in (*_imported(path, "asyncpg"), *_imported(path, "sqlalchemy"))
        if name not in CONNECTION_NAMES
    ]

    assert offences == []


def test_outside_the_sql_places_no_string_is_a_statement() -> None:
    offences = [
        f"{_id(path)}:{node.lineno}: {node.value}"
        for path in _outside_sql()
        for node in ast.walk(_parse(path))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and _STATEMENT.match(node.value)
    ]

    assert offences == []


def test_files_are_small_and_named_for_what_they_hold() -> None:
    files = [*_sources(), *sorted((ROOT / "tests").rglob("*.py"))]
    lines = {_id(path): len(path.read_text("utf-8").splitlines()) for path in files}

    assert {n: k for n, k in lines.items() if k > MOST_LINES and n != MAY_BE_LONGER} == {}
    assert [_id(path) for path in files if path.stem in MEANINGLESS] == []


def test_no_folder_of_the_product_holds_more_files_than_a_reader_can_survey() -> None:
    files = Counter(_id(path.parent) for path in _sources() if not _id(path).startswith("migr"))

    assert {folder: number for folder, number in files.items() if number > MOST_FILES} == {}


def test_only_settings_and_the_command_line_read_the_environment() -> None:
    offences = [
        f"{_id(path)}:{node.lineno}"
        for path in _sources()
        if not _id(path).startswith(MAY_READ_ENVIRONMENT)
        for node in ast.walk(_parse(path))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    ]

    assert offences == []


def test_every_package_says_what_it_is_for() -> None:
    packages = [path for path in _sources() if path.name == "__init__.py"]

    assert [_id(path) for path in packages if not ast.get_docstring(_parse(path))] == []
