"""Address and keys of Stageline: from options, the environment, or the data folder of `make run`."""

import os
from dataclasses import dataclass
from pathlib import Path

from services.cli.client.errors import fail
from services.standalone import credentials
from services.standalone.cluster.socket_folder import is_of_another_user
from services.standalone.credentials import HOME, Credentials

_HOME = "STAGELINE_HOME"
_URL = "STAGELINE_URL"
_WRITE_KEY = "STAGELINE_WRITE_KEY"
_SECRET_KEY = "STAGELINE_SECRET_KEY"  # noqa: S105 - a variable's name
_DATABASE_URL = "STAGELINE_DATABASE_URL"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiTarget:
    """Base URL of a running Stageline, and the key to send."""

    url: str
    key: str


def home() -> Path:
    """Data folder of `make run`: STAGELINE_HOME, else `.stageline` in the current folder."""
    return Path(os.environ.get(_HOME) or HOME)


def of_this_folder() -> Credentials | None:
    """Credentials that `make run` wrote in its data folder. Raises FatalError for a broken file."""
    return credentials.read(home())


def target(
    url: str | None, key: str | None, *, secret: bool, at_ingest: bool | None = None
) -> ApiTarget:
    """Resolve address and key; exits with a sentence where one of them is missing.

    `secret`: use the secret key, and the api's address, rather than write key and ingest. `at_ingest`: use
    ingest's address, whatever the key. An empty variable counts as unset.
    """
    at_api = secret if at_ingest is None else not at_ingest
    here = of_this_folder()
    url = (url or os.environ.get(_URL) or "").rstrip("/")
    if here is not None and url in {"", here.base_url}:
        url = here.read_url if at_api else here.base_url
    key = key or given_key(secret=secret)
    # The folder's keys are sent to the folder's Stageline only, never to another address.
    if key is None and here is not None and url in {here.read_url, here.base_url}:
        key = here.secret_key if secret else here.write_key
    if not url or not key:
        fail(
            f"no address or key: give --url and --key, set {_URL} and"
            f" {_SECRET_KEY if secret else _WRITE_KEY},"
            f" or run this where `make run` was started ({home() / credentials.FILE_NAME})"
        )
    return ApiTarget(url=url, key=key)


def reading_target(url: str | None, key: str | None) -> ApiTarget | None:
    """Address of the api and a key that may read, for hints; None where one of them is missing."""
    here = of_this_folder()
    url = (url or os.environ.get(_URL) or "").rstrip("/")
    key = key or given_key(secret=True)
    if here is not None and url in {"", here.base_url, here.read_url}:
        return ApiTarget(url=here.read_url, key=key or here.secret_key)
    return ApiTarget(url=url, key=key) if url and key else None


def given_key(*, secret: bool) -> str | None:
    """Key in the environment, or None."""
    return os.environ.get(_SECRET_KEY if secret else _WRITE_KEY) or None


def exports(here: Credentials) -> dict[str, str]:
    """Variables that the commands, and the calls in the documents, read: name -> value."""
    return {_URL: here.base_url, _WRITE_KEY: here.write_key, _SECRET_KEY: here.secret_key}


def adopt_folder_database() -> None:
    """Point STAGELINE_DATABASE_URL at this folder's embedded database, unless it is set."""
    if os.environ.get(_DATABASE_URL) or os.environ.get(f"{_DATABASE_URL}_FILE"):
        return
    here = of_this_folder()
    if here is not None and here.database_url:
        if is_of_another_user(here.database_url, home() / "postgres"):
            fail("another user has taken the socket folder of the database: start Stageline again")
        os.environ[_DATABASE_URL] = here.database_url
