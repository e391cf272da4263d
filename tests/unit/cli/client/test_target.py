from pathlib import Path

import pytest
import typer

from services.cli.client.target import target
from services.standalone import credentials
from services.standalone.credentials import Credentials


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STAGELINE_URL", "STAGELINE_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    home = tmp_path / credentials.HOME
    home.mkdir()
    credentials.write(
        home,
        Credentials(
            base_url="http://127.0.0.1:8080", write_key="write-here", secret_key="secret-here"
        ),
    )


@pytest.mark.usefixtures("folder")
def test_the_folder_names_address_and_key() -> None:
    resolved = target(None, None, secret=True)

    assert (resolved.url, resolved.key) == ("http://127.0.0.1:8080", "secret-here")


@pytest.mark.usefixtures("folder")
def test_the_folders_key_goes_along_when_its_own_address_is_named() -> None:
    resolved = target("http://127.0.0.1:8080/", None, secret=False)

    assert resolved.key == "write-here"


@pytest.mark.usefixtures("folder")
def test_the_folders_key_never_goes_to_another_address() -> None:
    with pytest.raises(typer.Exit):
        target("http://127.0.0.1:9999", None, secret=True)
