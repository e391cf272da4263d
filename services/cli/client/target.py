"""Address and key of Stageline: from options, the environment, or this folder's `.stageline`."""

import os
from dataclasses import dataclass
from pathlib import Path

from services.cli.client.errors import fail
from services.standalone import credentials
from services.standalone.credentials import HOME, Credentials

_DATABASE_URL = "STAGELINE_DATABASE_URL"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiTarget:
    """Base URL of a running Stageline, and the key to send."""

    url: str
    key: str


def of_this_folder() -> Credentials | None:
    """Credentials that `make run` wrote in this folder. Raises FatalError for a broken file."""
    return credentials.read(HOME)


def target(url: str | None, key: str | None, *, secret: bool) -> ApiTarget:
    """Resolve address and key; exits with a sentence where one of them is missing.

    `secret`: use the folder's secret key, and the api's address, rather than write key and ingest.
    """
    here = of_this_folder()
    url = (url or os.environ.get("STAGELINE_URL") or "").rstrip("/")
    if not url and here is not None:
        url = here.read_url if secret else here.base_url
    key = key or os.environ.get("STAGELINE_KEY")
    # The folder's keys are sent to the folder's Stageline only, never to another address.
    if key is None and here is not None and url in {here.read_url, here.base_url}:
        key = here.secret_key if secret else here.write_key
    if not url or not key:
        fail(
            "no address or key: give --url and --key, set STAGELINE_URL and STAGELINE_KEY,"
            f" or run this where `make run` was started ({Path(HOME, credentials.FILE_NAME)})"
        )
    return ApiTarget(url=url, key=key)


def adopt_folder_database() -> None:
    """Point STAGELINE_DATABASE_URL at this folder's embedded database, unless it is set."""
    if _DATABASE_URL in os.environ or f"{_DATABASE_URL}_FILE" in os.environ:
        return
    here = of_this_folder()
    if here is not None and here.database_url:
        os.environ[_DATABASE_URL] = here.database_url
