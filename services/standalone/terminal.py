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


def read_command(credentials: Credentials) -> str:
    """A curl that reads the stage of that event's account with the secret key."""
    return (
        f"curl -sS '{credentials.read_url}/v1/stage?account_id=acme' \\\n"
        f"  -H 'Authorization: Bearer {credentials.secret_key}'"
    )


PUBLISH = ".venv/bin/stageline map publish b2b-jtbd-7"
"""Command that publishes a ready map."""

_NO_MAP = f"""

No map is published, so no account has a stage yet. Publish one of the ready maps, or your own (docs/maps.md):

.venv/bin/stageline map templates
{PUBLISH}"""


def welcome(credentials: Credentials, path: Path, *, has_map: bool) -> str:
    """Addresses, keys and first commands, in the order in which a newcomer needs them."""
    return f"""
Stageline is ready at {credentials.base_url}

  keys        {path.resolve()}
  write key   {credentials.write_key}
  secret key  {credentials.secret_key}{"" if has_map else _NO_MAP}

Post an event:

{post_command(credentials)}

Read the stage:

{read_command(credentials)}

Watch what arrives, and what becomes of it (in another terminal, in this folder):

{WATCH}

Ctrl-C stops it; the data stays."""
