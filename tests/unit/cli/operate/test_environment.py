"""`stageline env` as a shell reads it."""

import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from services.standalone import credentials
from services.standalone.credentials import Credentials


def test_a_shell_that_evaluates_it_has_one_variable_for_each_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAGELINE_HOME", str(tmp_path))
    url, write_key, secret_key = "http://[::1]:8080", "sl_wk_a'b", "sl_sk_$(x) y"
    credentials.write(
        tmp_path, Credentials(base_url=url, write_key=write_key, secret_key=secret_key)
    )

    printed = CliRunner().invoke(app, ["env"]).stdout
    show = 'printf "%s\\n" "$STAGELINE_URL" "$STAGELINE_WRITE_KEY" "$STAGELINE_SECRET_KEY"'
    shell = subprocess.run(  # noqa: S602 - what a person does
        printed + show, shell=True, env={}, capture_output=True, text=True, check=True
    )

    assert shell.stdout.splitlines() == [url, write_key, secret_key]


def test_without_keys_it_prints_no_export_and_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAGELINE_HOME", str(tmp_path / "not-here"))

    result = CliRunner().invoke(app, ["env"])

    assert (result.exit_code, result.stdout) == (1, "")
    assert f"there are no keys in {tmp_path / 'not-here'}" in result.stderr
    assert "STAGELINE_HOME" in result.stderr
