"""What `make run` prints of the keys."""

import json
import subprocess
from pathlib import Path

import pytest

from services.standalone import credentials, terminal
from services.standalone.credentials import Credentials

MADE = Credentials(base_url="http://127.0.0.1:1", write_key="sl_wk_open", secret_key="sl_sk_closed")


def test_the_secret_key_is_shown_at_the_first_start_with_the_way_to_see_it_again(
    tmp_path: Path,
) -> None:
    text = terminal.welcome(MADE, tmp_path / "credentials.json", shows_secret=True)

    assert text.count("sl_sk_closed") == 1
    assert f"cat {tmp_path}/credentials.json" in text


def test_later_and_in_a_file_the_text_names_the_file_with_the_key_and_never_the_key(
    tmp_path: Path,
) -> None:
    text = terminal.welcome(MADE, tmp_path / "credentials.json", shows_secret=False)

    assert "sl_sk_closed" not in text
    assert f"cat {tmp_path}/credentials.json" in text
    assert "sl_wk_open" in text


@pytest.mark.parametrize("name", ["plain", "a b", "ü'$x"])
def test_the_printed_command_reads_the_key_from_its_file(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    path = credentials.write(folder, MADE)
    printed = terminal.read_command(MADE, path).replace("curl -sS", "printf '%s\\n'")

    done = subprocess.run(  # noqa: S602 - what a person does
        printed, shell=True, capture_output=True, text=True, check=True
    )

    assert "Authorization: Bearer sl_sk_closed" in done.stdout
    assert json.loads(path.read_text())["secret_key"] == "sl_sk_closed"
