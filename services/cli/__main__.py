"""`python -m services.cli`: the `stageline` command where it is not on the path."""

from services.cli.main import app

if __name__ == "__main__":
    app(prog_name="stageline")
