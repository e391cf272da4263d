from importlib.metadata import version

from typer.testing import CliRunner

from services.cli.main import app


def test_the_version_is_that_of_the_package() -> None:
    result = CliRunner().invoke(app, ["--version"])

    assert (result.exit_code, result.stdout) == (0, f"stageline {version('stageline')}\n")
