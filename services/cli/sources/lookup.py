"""A source by the name that people call it, and the address that its senders reach."""

import difflib
import os
from typing import Any

from services.cli.client.errors import fail, printable
from services.cli.client.http import call
from services.cli.client.target import ApiTarget, of_this_folder

ENDPOINT = "/v1/sources"
_PUBLIC_URL = "STAGELINE_PUBLIC_BASE_URL"


def found(to: ApiTarget, name: str) -> dict[str, Any]:
    """The source of this id or name, in full. Leaves with near misses where there is none."""
    items = call(to, "GET", ENDPOINT)["items"]
    item = next(
        (item for field in ("source_id", "name") for item in items if item[field] == name), None
    )
    if item is None:
        names = [printable(each["name"]) for each in items]
        near = difflib.get_close_matches(name, names, n=1)
        there = f"there are: {', '.join(names)}" if names else "there is none yet"
        fail(f"there is no source of that name; {f'did you mean {near[0]}?' if near else there}")
    source: dict[str, Any] = call(to, "GET", path(item))
    return source


def path(source: dict[str, Any]) -> str:
    """Where the api has it."""
    return f"{ENDPOINT}/{source['source_id']}"


def ingest_url(to: ApiTarget) -> str:
    """Where senders reach ingest: as they are told, as this folder knows, else where the api is."""
    public = os.environ.get(_PUBLIC_URL, "").rstrip("/")
    here = of_this_folder()
    return public or (here.base_url if here and to.url == here.read_url else to.url)
