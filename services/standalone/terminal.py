"""The text that `make run` prints to its terminal."""

import shlex
import sys
from pathlib import Path

from services.standalone.credentials import HOME, Credentials

_EVENT = (
    '{"event": "Demo Requested", "account_id": "acme", "user_id": "leah", "channel": "website"}'
)

_COMMANDS = (
    "tail website",
    "accounts --status stalled",
    "explain acme",
    "alerts --state open",
)

_CLOSE = (
    "source set website allowed_origins=https://YOUR-SITE.example max_age_days=7 value=drop"
    " account_traits=drop"
)


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


def commands(home: Path) -> str:
    """First commands, a line each."""
    return "\n".join(command(home, each) for each in _COMMANDS)


def command(home: Path, arguments: str) -> str:
    """A command that can be pasted; it names the data folder where that is not the default one."""
    variable = (
        "" if home.resolve() == HOME.resolve() else f"STAGELINE_HOME={shlex.quote(str(home))} "
    )
    return f"{variable}.venv/bin/stageline {arguments}"


def welcome(credentials: Credentials, path: Path) -> str:
    """Addresses, keys and first commands, in the order in which a newcomer needs them."""
    return f"""
Stageline is ready at {credentials.base_url}

  keys        {path.resolve()}
  write key   {credentials.write_key}
  secret key  {credentials.secret_key}

Post an event:

{post_command(credentials)}

Read the stage:

{read_command(credentials)}

Watch what arrives, who is stuck, why, and what needs a person (in another terminal, in this folder):

{commands(path.parent)}

Before the write key goes into a page, let it send from that page alone, and neither money nor the past:

{command(path.parent, _CLOSE)}

Ctrl-C stops it; the data stays."""
