"""Requests of commands to a running Stageline, and refusals turned into sentences."""

from typing import Any

import httpx
import msgspec
import typer

from services.cli.client.errors import REFUSED, fail
from services.cli.client.target import ApiTarget

_REQUEST_SECONDS = 30.0


def client(to: ApiTarget) -> httpx.Client:
    """A client that shows the key; the caller closes it."""
    return httpx.Client(
        base_url=to.url, headers={"authorization": f"Bearer {to.key}"}, timeout=_REQUEST_SECONDS
    )


def call(to: ApiTarget, method: str, path: str, **options: Any) -> Any:  # noqa: ANN401 - httpx's own
    """One request; the answer's JSON, None where it has none. Leaves with a sentence when refused."""
    with client(to) as asking:
        return told(to, asking.request(method, path, **options))


def told(to: ApiTarget, response: httpx.Response) -> Any:  # noqa: ANN401 - any JSON
    """JSON of an answer. Leaves with a sentence when it is a refusal, or is not ours."""
    if response.status_code == httpx.codes.NO_CONTENT:
        return None
    try:
        answer = msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        fail(f"{to.url} answered {response.status_code}, and not in JSON: is this Stageline?")
    if not response.is_success:
        refusal = answer if isinstance(answer, dict) else {}
        for error in refusal.get("errors", ()):
            typer.echo(f"{error.get('pointer', '')}: {error.get('detail', '')}", err=True)
        reason = refusal.get("detail", "no reason given")
        fail(f"refused with {response.status_code}: {reason}", REFUSED)
    return answer


def print_json(answer: object) -> None:
    """Write an answer for programs, indented."""
    typer.echo(msgspec.json.format(msgspec.json.encode(answer)).decode())
