from pathlib import Path

import pytest

from services.standalone.credentials import HOME
from services.standalone.terminal import commands


def test_commands_in_the_default_folder_need_no_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert commands(HOME).splitlines()[0] == ".venv/bin/stageline tail website"


def test_commands_of_another_folder_name_it_so_that_a_shell_reads_it() -> None:
    first, *_ = commands(Path("/data/Müller's $x")).splitlines()

    assert first == ("""STAGELINE_HOME='/data/Müller'"'"'s $x' .venv/bin/stageline tail website""")
