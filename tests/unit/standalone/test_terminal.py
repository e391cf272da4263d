"""What `make run` prints: keys and first commands."""

from pathlib import Path

import pytest

from services.standalone import terminal
from services.standalone.credentials import HOME, Credentials

MADE = Credentials(base_url="http://127.0.0.1:1", write_key="sl_wk_open", secret_key="sl_sk_closed")


def test_the_secret_key_is_shown_at_the_first_start_with_the_way_to_see_it_again() -> None:
    text = terminal.welcome(
        MADE, Path(".stageline/credentials.json"), has_map=True, shows_secret=True
    )

    assert text.count("sl_sk_closed") == 1
    assert "see it by: .venv/bin/stageline env" in text


def test_later_and_in_a_file_the_text_names_the_way_to_the_key_and_never_the_key() -> None:
    text = terminal.welcome(
        MADE, Path(".stageline/credentials.json"), has_map=True, shows_secret=False
    )

    assert "sl_sk_closed" not in text
    assert "see it by: .venv/bin/stageline env" in text
    assert "sl_wk_open" in text


@pytest.mark.parametrize(
    ("home", "first_line"),
    [
        (".stageline", 'eval "$(.venv/bin/stageline env)"'),
        ("/srv/data", 'eval "$(STAGELINE_HOME=/srv/data .venv/bin/stageline env)"'),
        ("/a b/x", "eval \"$(STAGELINE_HOME='/a b/x' .venv/bin/stageline env)\""),
    ],
)
def test_the_printed_call_takes_the_key_from_the_folder(home: str, first_line: str) -> None:
    printed = terminal.read_command(MADE, Path(home))

    assert printed.splitlines()[0] == first_line
    assert "sl_sk_closed" not in printed


def test_commands_in_the_default_folder_need_no_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert terminal.commands(HOME).splitlines()[0] == ".venv/bin/stageline tail website"


def test_commands_of_another_folder_name_it_so_that_a_shell_reads_it() -> None:
    first, *_ = terminal.commands(Path("/data/Müller's $x")).splitlines()

    assert first == ("""STAGELINE_HOME='/data/Müller'"'"'s $x' .venv/bin/stageline tail website""")
