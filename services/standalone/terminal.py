"""The text that `make run` prints to its terminal."""

import shlex
import sys
from pathlib import Path

from services.standalone.credentials import Credentials

_EVENT = (
    '{"event": "Demo Requested", "account_id": "acme", "user_id": "leah", "channel": "website"}'
)


WATCH = ".venv/bin/stageline tail website"
"""Command that shows the events of the write key's source."""


def say(text: str) -> None:
    """Write a line to standard output at once, also into a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def post_command(credentials: Credentials) -> str:
    """A curl that posts one event with the write key."""
    return (
        f"curl -sS {credentials.base_url}/v1/touchpoints \\\n"
        f"  -H 'Authorization: Bearer {credentials.write_key}' \\\n"
        f"  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(_EVENT)}"
    )


def read_command(credentials: Credentials, path: Path) -> str:
    """A curl that reads the stage of that event's account with the secret key from `path`."""
    key = f"""$(sed -n 's/.*"secret_key": "\\(.*\\)".*/\\1/p' {shlex.quote(str(path))})"""
    return (
        f"curl -sS '{credentials.read_url}/v1/stage?account_id=acme' \\\n"
        f'  -H "Authorization: Bearer {key}"'
    )


def welcome(credentials: Credentials, path: Path, *, shows_secret: bool) -> str:
    """Addresses, keys and first commands, in the order in which a newcomer needs them.

    `shows_secret`: with the secret key itself. False for what goes to a file, and after the first time.
    """
    path = path.resolve()
    again = f"see it by: cat {shlex.quote(str(path))}"
    secret = f"{credentials.secret_key} (shown this once; {again})" if shows_secret else again
    return f"""
Stageline is ready at {credentials.base_url}

  keys        {path}
  write key   {credentials.write_key}
  secret key  {secret}

Post an event:

{post_command(credentials)}

Read the stage:

{read_command(credentials, path)}

Watch what arrives, and what becomes of it (in another terminal, in this folder):

{WATCH}

Ctrl-C stops it; the data stays."""
