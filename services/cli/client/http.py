"""HTTP requests of commands to a running Stageline; a refusal ends the command with a sentence."""

from typing import Any

import httpx
import msgspec
import typer

from services.cli.client.errors import REFUSED, fail
from services.cli.client.hints import HINTS
from services.cli.client.target import ApiTarget

_REQUEST_SECONDS = 30.0


def client(to: ApiTarget) -> httpx.Client:
    """A client that sends the key with each request; the caller closes it."""
    return httpx.Client(
        base_url=to.url, headers={"authorization": f"Bearer {to.key}"}, timeout=_REQUEST_SECONDS
    )


def call(to: ApiTarget, method: str, path: str, **options: Any) -> Any:  # noqa: ANN401 - httpx's own
    """Send one request; JSON of its response, None for 204. Exits with a sentence when refused."""
    with client(to) as session:
        return response_json(to, session.request(method, path, **options))


def response_json(to: ApiTarget, response: httpx.Response) -> Any:  # noqa: ANN401 - any JSON
    """JSON of a response. Exits with a sentence for a refusal, and for a body that is not JSON."""
    if response.status_code == httpx.codes.NO_CONTENT:
        return None
    try:
        answer = msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        fail(f"{to.url} answered {response.status_code}, and not in JSON: is this Stageline?")
    if not response.is_success:
        refusal = answer if isinstance(answer, dict) else {}
        places = [
            f"{error.get('pointer', '')}: {error.get('detail', '')}"
            for error in refusal.get("errors", ())
        ]
        reason = refusal.get("detail", "no reason given")
        hint = HINTS.get(refusal.get("code", ""))
        lines = [
            f"refused with {response.status_code}: {reason}",
            *places,
            *([hint] if hint else ()),
        ]
        fail("\n  ".join(lines), REFUSED)
    return answer


def print_json(answer: object) -> None:
    """Print `answer` as indented JSON."""
    typer.echo(msgspec.json.format(msgspec.json.encode(answer)).decode())
