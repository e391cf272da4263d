"""Finds a source by its name or id, and the address that its senders use."""

import os
from typing import Any

from services.cli.client.errors import fail, printable
from services.cli.client.http import call
from services.cli.client.target import ApiTarget, of_this_folder
from services.ingest.protocols.webhooks.signatures.hubspot import needs_url
from shared.sources.source import SourceKind
from shared.wording import nearest

ENDPOINT = "/v1/sources"
_PUBLIC_URL = "STAGELINE_PUBLIC_BASE_URL"


def find_source(to: ApiTarget, name: str) -> dict[str, Any]:
    """The source of this id or name, in full. Exits with a suggestion where there is none."""
    items = call(to, "GET", ENDPOINT)["items"]
    item = next(
        (item for field in ("source_id", "name") for item in items if item[field] == name), None
    )
    if item is None:
        names = [printable(each["name"]) for each in items]
        near = nearest(name, names)
        there = f"there are: {', '.join(names)}" if names else "there is none yet"
        fail(f"there is no source of that name; {f'did you mean {near}?' if near else there}")
    source: dict[str, Any] = call(to, "GET", source_path(item))
    return source


def source_path(source: dict[str, Any]) -> str:
    """Path of the source in the api."""
    return f"{ENDPOINT}/{source['source_id']}"


def ingest_url(to: ApiTarget) -> str:
    """Address of ingest: STAGELINE_PUBLIC_BASE_URL, else this folder's, else that of the api."""
    here = of_this_folder()
    public = _public_url()
    return public or (here.base_url if here and to.url == here.read_url else to.url)


def address_warning(source: dict[str, Any]) -> str | None:
    """What the service needs before the provider may post, where its signature covers the address."""
    signs_address = source["kind"] == SourceKind.HUBSPOT and needs_url(
        tuple(source["settings"]["hubspot_signatures"])
    )
    if not signs_address or _public_url():
        return None
    return (
        f"HubSpot signs the address that it posts to: until Stageline runs with {_PUBLIC_URL} set"
        " to its public address (https://events.example.com), each delivery is answered 503."
    )


def _public_url() -> str:
    return os.environ.get(_PUBLIC_URL, "").rstrip("/")
