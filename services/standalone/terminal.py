"""The text that `make run` prints to its terminal."""

import shlex
import sys
from collections.abc import Iterable
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

_PUBLISHING = ("map templates", "map publish b2b-jtbd-7")

_CLOSE = "source set website allowed_origins=https://YOUR-SITE.example"

_OPEN = "source set website value=keep account_traits=keep joins=keep max_age_days=36500"


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


def read_command(credentials: Credentials, home: Path) -> str:
    """Commands that read the stage of that event's account with the secret key of `home`."""
    return (
        f'eval "$({commands(home, ["env"])})"\n'
        f"curl -sS '{credentials.read_url}/v1/stage?account_id=acme' \\\n"
        f'  -H "Authorization: Bearer $STAGELINE_SECRET_KEY"'
    )


def commands(home: Path, words: Iterable[str] = _COMMANDS) -> str:
    """Commands, a line each; they name the data folder where it is not the default one."""
    variable = (
        "" if home.resolve() == HOME.resolve() else f"STAGELINE_HOME={shlex.quote(str(home))} "
    )
    return "\n".join(f"{variable}.venv/bin/stageline {command}" for command in words)


def _without_map(home: Path) -> str:
    return f"""
No map is published, so no account has a stage yet. Publish a ready map, or your own (docs/maps.md):

{commands(home, _PUBLISHING)}
"""


def stager_stopped(reason: str) -> str:
    """What is printed when the stager has ended by a fault and the other services go on."""
    return f"""
The stager has stopped: {reason}.
Events are still accepted and stages still answered, but no stage moves until Stageline is started again."""


def welcome(credentials: Credentials, path: Path, *, has_map: bool, shows_secret: bool) -> str:
    """Addresses, keys and first commands, in the order in which a newcomer needs them.

    `path`: the file of the keys. `shows_secret`: with the secret key itself; never into a file, nor
    after the first time.
    """
    home = path.parent
    again = f"see it by: {commands(home, ['env'])}"
    secret = f"{credentials.secret_key} (shown this once; {again})" if shows_secret else again
    return f"""
Stageline is ready at {credentials.base_url}

  keys        {path.resolve()}
  write key   {credentials.write_key}
  secret key  {secret}
{"" if has_map else _without_map(home)}
Post an event:

{post_command(credentials)}

Read the stage:

{read_command(credentials, home)}

Watch what arrives, who is stuck, why, and what needs a person (in another terminal, in this folder):

{commands(home)}

Before the write key goes into a page, let it send from that page alone:

{commands(home, [_CLOSE])}

Everybody can read the key of a page, so events by it lose `value` and `account_traits`, join no known people
and come at most seven days late. The secret key sends everything; for a trial let the write key do so, too:

{commands(home, [_OPEN])}

Ctrl-C stops it; the data stays."""
