"""The folder of the server's socket: short, closed to all other users, and the same at each start.

A socket's path has about a hundred characters at most, and the data folder's may be longer. So the
folder lies below $XDG_RUNTIME_DIR or /tmp; its path is stored beside the data, for clients that
reconnect after a restart and for the removal of what a killed process left.
"""

import os
import re
import shutil
import stat
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from urllib.parse import parse_qs, urlsplit

from services.standalone.cluster.system_user import SystemUser
from shared.errors import FatalError

_PREFIX = "stageline-"
_PLAIN = re.compile(r"/[A-Za-z0-9_./-]*")
"""Paths that mean the same in an address, in a setting and in a shell."""

_MOST_CHARACTERS = 103 - len("/stageline-01234567/.s.PGSQL.5432")
"""Of the folder above: the longest path of a socket is 103 bytes on macOS, 107 on Linux."""


def open_folder(data_dir: Path, user: SystemUser) -> Path:
    """Make the socket folder of `data_dir`, empty, mode 0700, owned by `user`. Raises FatalError."""
    memo = data_dir.with_name(f"{data_dir.name}.socket")
    previous = _read(memo)
    parents = _parents(user)
    if previous is not None and previous.parent in parents and _reopened(previous, user):
        return previous
    for parent in parents:
        try:
            folder = Path(mkdtemp(prefix=_PREFIX, dir=parent))
        except OSError:
            continue
        user.own(folder)
        memo.write_text(f"{folder}\n", "utf-8")
        return folder
    raise FatalError("no folder for the database's socket: /tmp must be writable for everybody")


def remove_folder(folder: Path) -> None:
    """Remove it with all that is in it."""
    shutil.rmtree(folder, ignore_errors=True)


def is_of_another_user(database_url: str, data_dir: Path) -> bool:
    """Whether the socket folder in the address exists and is not that of the server of `data_dir`.

    The folder ends with the server, so another user may make one of its name in /tmp, with a server
    of their own in it.
    """
    hosts = parse_qs(urlsplit(database_url).query).get("host", [])
    try:
        state = Path(hosts[0]).lstat()
        owners = {os.geteuid(), data_dir.stat().st_uid}
    except (IndexError, OSError):
        return False
    return not stat.S_ISDIR(state.st_mode) or state.st_uid not in owners


def _read(memo: Path) -> Path | None:
    try:
        path = Path(memo.read_text("utf-8").strip())
    except (OSError, ValueError):
        return None
    return path if path.name.startswith(_PREFIX) else None


def _parents(user: SystemUser) -> list[Path]:
    # root's own runtime folder is closed to the user that its server runs as.
    named = [os.environ.get("XDG_RUNTIME_DIR", "") if not user.identity else "", "/tmp"]  # noqa: S108 - below it, mkdtemp
    named.append(gettempdir())
    return [
        Path(name)
        for name in named
        if _PLAIN.fullmatch(name)
        and len(name) <= _MOST_CHARACTERS
        and Path(name).is_dir()
        and user.closed_folder(Path(name)) is None
    ]


def _reopened(folder: Path, user: SystemUser) -> bool:
    """Whether `folder` could be made again, or is still ours and ours alone; it is then empty."""
    try:
        folder.mkdir(0o700)
        user.own(folder)
    except FileExistsError:
        state = folder.lstat()
        # Another user may have made a folder, or a link, of that name.
        if not stat.S_ISDIR(state.st_mode) or state.st_uid not in (user.uid, os.geteuid()):
            return False
        folder.chmod(0o700)
        user.own(folder)
        for entry in folder.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    except OSError:
        return False
    return True
