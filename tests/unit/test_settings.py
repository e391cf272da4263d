"""Settings come from arguments, then the environment, then the files that the environment names."""

from pathlib import Path

import pytest
from pydantic import Field

from services.cli.docs.settings import SECTIONS
from shared.errors import FatalError
from shared.settings import CommonSettings, load, misspelt, redacted, variable

URL = "postgresql://stageline@db.example/stageline"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGELINE_DATABASE_URL", URL)


def test_a_variable_sets_its_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGELINE_PORT", "9000")

    assert load(CommonSettings).port == 9000


def test_an_override_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGELINE_PORT", "9000")

    assert load(CommonSettings, port="9001").port == 9001


def test_a_file_holds_a_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"{URL}2\n", "utf-8")
    monkeypatch.delenv("STAGELINE_DATABASE_URL")
    monkeypatch.setenv("STAGELINE_DATABASE_URL_FILE", str(tmp_path / "url"))

    assert load(CommonSettings).database_url.get_secret_value() == f"{URL}2"


def test_a_variable_wins_over_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STAGELINE_DATABASE_URL_FILE", str(tmp_path / "missing"))

    assert load(CommonSettings).database_url.get_secret_value() == URL


class Renamed(CommonSettings):
    workers: int = Field(default=1, validation_alias="STAGELINE_LINES", description="Workers.")


def test_an_alias_is_the_variable_of_its_field(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert load(Renamed).workers == 1
    assert load(Renamed, workers="4").workers == 4

    (tmp_path / "workers").write_text("2", "utf-8")
    monkeypatch.setenv("STAGELINE_LINES_FILE", str(tmp_path / "workers"))
    assert load(Renamed).workers == 2

    monkeypatch.setenv("STAGELINE_LINES", "3")
    assert load(Renamed).workers == 3

    monkeypatch.setenv("STAGELINE_LINES", "many")
    with pytest.raises(FatalError, match="STAGELINE_LINES: Input should be a valid integer"):
        load(Renamed)


def test_every_bad_variable_is_named_at_once_and_no_value_is_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("STAGELINE_DATABASE_URL")
    monkeypatch.setenv("STAGELINE_DATABASE_URL_FILE", str(tmp_path / "missing"))
    monkeypatch.setenv("STAGELINE_PORT", "eighty-hundred")

    with pytest.raises(FatalError) as caught:
        load(CommonSettings)

    text = str(caught.value)
    assert "STAGELINE_DATABASE_URL_FILE: No such file or directory" in text
    assert "STAGELINE_PORT: Input should be a valid integer" in text
    assert "eighty-hundred" not in text


def test_a_file_that_is_not_text_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "url").write_bytes(b"\xff\xfe")
    monkeypatch.delenv("STAGELINE_DATABASE_URL")
    monkeypatch.setenv("STAGELINE_DATABASE_URL_FILE", str(tmp_path / "url"))

    with pytest.raises(FatalError, match="STAGELINE_DATABASE_URL_FILE: not UTF-8"):
        load(CommonSettings)


def test_secrets_are_masked_where_settings_are_logged() -> None:
    assert redacted(load(CommonSettings))["database_url"] == "***"


@pytest.mark.parametrize(
    ("name", "resembled"),
    [
        ("STAGELINE_PROT", "STAGELINE_PORT"),
        ("STAGELINE_DATABSE_URL", "STAGELINE_DATABASE_URL"),
        ("STAGELINE_HOSTT_FILE", "STAGELINE_HOST"),
    ],
)
def test_a_variable_that_nothing_reads_leads_to_the_one_it_resembles(
    name: str, resembled: str
) -> None:
    assert misspelt(CommonSettings, [name, "STAGELINE_PORT", "PROT"]) == {name: resembled}


def test_no_setting_of_another_process_is_suspected() -> None:
    names = {
        variable(name, field) for _, kind in SECTIONS for name, field in kind.model_fields.items()
    }
    names |= {"STAGELINE_URL", "STAGELINE_WRITE_KEY", "STAGELINE_SECRET_KEY", "STAGELINE_HOME"}

    assert [misspelt(kind, names) for _, kind in SECTIONS] == [{}] * len(SECTIONS)
