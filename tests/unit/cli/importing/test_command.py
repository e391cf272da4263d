"""Which key an import sends, and what it imports to start."""

import subprocess
import sys
from pathlib import Path

import pytest

from services.cli.importing.command import _destination
from services.standalone import credentials
from services.standalone.credentials import Credentials

HERE = "http://127.0.0.1:8080"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STAGELINE_URL", "STAGELINE_SECRET_KEY", "STAGELINE_WRITE_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    home = tmp_path / credentials.HOME
    home.mkdir()
    keys = Credentials(base_url=HERE, write_key="write-here", secret_key="secret-here")
    credentials.write(home, keys)


def test_of_the_folders_keys_it_is_the_secret_one_which_may_say_everything() -> None:
    assert _destination(None, None).key == "secret-here"


def test_a_key_that_was_given_is_never_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    given = _destination("http://elsewhere.example", "write-here")
    monkeypatch.setenv("STAGELINE_WRITE_KEY", "write-here")
    destination = _destination("http://elsewhere.example", None)

    assert (given.key, destination.key) == ("write-here", "write-here")


def test_an_import_starts_without_the_drivers_of_database_and_log() -> None:
    script = (
        "import sys, services.cli.importing.command\n"
        "print(*{'sqlalchemy', 'asyncpg', 'aiokafka', 'fastapi'} & {*sys.modules})"
    )
    started = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", script],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )

    # They triple the time that the command takes to start.
    assert started.stdout.split() == []
