from pathlib import Path

import pytest
import typer

from services.cli.client.target import home, target
from services.standalone import credentials
from services.standalone.credentials import Credentials


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STAGELINE_URL", "STAGELINE_SECRET_KEY", "STAGELINE_WRITE_KEY", "STAGELINE_HOME"):
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


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("secret", "key"), [(True, "secret-there"), (False, "write-there")])
def test_each_key_has_one_variable_which_wins_over_the_folder(
    monkeypatch: pytest.MonkeyPatch, *, secret: bool, key: str
) -> None:
    monkeypatch.setenv("STAGELINE_URL", "http://127.0.0.1:9999")
    monkeypatch.setenv("STAGELINE_SECRET_KEY", "secret-there")
    monkeypatch.setenv("STAGELINE_WRITE_KEY", "write-there")

    resolved = target(None, None, secret=secret)

    assert (resolved.url, resolved.key) == ("http://127.0.0.1:9999", key)


@pytest.mark.usefixtures("folder")
def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STAGELINE_URL", "STAGELINE_SECRET_KEY", "STAGELINE_HOME"):
        monkeypatch.setenv(name, "")

    assert target(None, None, secret=True).key == "secret-here"


def test_the_api_is_found_at_its_own_address_where_the_variables_name_ingest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAGELINE_HOME", str(tmp_path))
    monkeypatch.setenv("STAGELINE_URL", "http://127.0.0.1:8081")
    credentials.write(
        tmp_path,
        Credentials(
            base_url="http://127.0.0.1:8081",
            api_url="http://127.0.0.1:8082",
            write_key="write-here",
            secret_key="secret-here",
        ),
    )

    assert target(None, None, secret=True).url == "http://127.0.0.1:8082"
    assert target(None, None, secret=False).url == "http://127.0.0.1:8081"


def test_the_data_folder_is_the_one_that_the_service_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAGELINE_HOME", str(tmp_path / "elsewhere"))

    assert home() == tmp_path / "elsewhere"
