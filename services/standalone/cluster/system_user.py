"""The system user that the server runs as: ours, or for root one without privileges.

PostgreSQL refuses to run as root. Root therefore starts it as the owner of the data, or as a system
account of its own that can neither log in nor pass through folders that others may not.
"""

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import TypedDict

from shared.errors import FatalError

ACCOUNT = "stageline-postgres"
_ADD_ACCOUNT = ("--system", "--user-group", "--no-create-home", "--home-dir", "/", "--shell")
_NO_LOGIN = "/usr/sbin/nologin"
_ATTEMPTS = 10
"""Of making the account: two first starts may do so at once, and one of them finds a lock."""

_ROOT = 0


class ProcessIdentity(TypedDict, total=False):
    """Keywords of `subprocess` by which a child leaves every right of root behind."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemUser:
    """A user by number, with the group of its processes."""

    uid: int
    gid: int

    @property
    def identity(self) -> ProcessIdentity:
        """How to start a process as this user; empty where we are it."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Give `path` to this user, links unfollowed; nothing where we are it."""
        if self.uid != os.geteuid():
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def own_all(self, folder: Path) -> None:
        """Give `folder` and all below it to this user."""
        self.own(folder)
        for parent, folders, files in os.walk(folder):
            for name in (*folders, *files):
                self.own(Path(parent, name))

    def may_pass(self, folder: Path) -> bool:
        """Whether this user may pass through `folder`, by its mode. Raises OSError."""
        if not self.identity:
            return os.access(folder, os.X_OK)
        state = folder.stat()
        if self.uid == state.st_uid:
            return bool(state.st_mode & stat.S_IXUSR)
        if self.gid == state.st_gid:
            return bool(state.st_mode & stat.S_IXGRP)
        return bool(state.st_mode & stat.S_IXOTH)

    def closed_folder(self, path: Path) -> Path | None:
        """The topmost folder on the way into `path` that this user may not pass, or None."""
        way = (*reversed(path.parents), path)
        return next((folder for folder in way if not self.may_pass(folder)), None)


def name_of(uid: int) -> str:
    """Name of a user. Raises FatalError where the system has none for the number."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError as exc:
        message = (
            f"user {uid} has no name on this system, and PostgreSQL needs one: start Stageline as"
            " a user in /etc/passwd, or name a database of your own in STAGELINE_DATABASE_URL"
        )
        raise FatalError(message) from exc


def user_of(data_dir: Path) -> SystemUser:
    """The user of the server whose data are in `data_dir`, which may not exist yet.

    Raises FatalError where the data belong to another user, or where root cannot make the account.
    """
    uid = os.geteuid()
    owner = data_dir.stat().st_uid if data_dir.exists() else _ROOT
    if uid != _ROOT:
        name_of(uid)
        if owner not in (_ROOT, uid):
            message = (
                f"{data_dir} belongs to another user ({owner}): start Stageline as that one,"
                " or in a folder of your own"
            )
            raise FatalError(message)
        return SystemUser(uid=uid, gid=os.getegid())
    account = _account() if owner == _ROOT else pwd.getpwnam(name_of(owner))
    return SystemUser(uid=account.pw_uid, gid=account.pw_gid)


def _account() -> pwd.struct_passwd:
    for _ in range(_ATTEMPTS):
        try:
            return pwd.getpwnam(ACCOUNT)
        except KeyError:
            program = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
        if program is None:
            break
        subprocess.run(  # noqa: S603 - an absolute path and constants
            [program, *_ADD_ACCOUNT, _NO_LOGIN, ACCOUNT], capture_output=True, check=False
        )
        sleep(0.1)
    message = (
        f"PostgreSQL does not run as root, and the system user {ACCOUNT!r} could not be made for it:"
        f" make one (useradd {' '.join(_ADD_ACCOUNT)} {_NO_LOGIN} {ACCOUNT}), start Stageline as an"
        " ordinary user, or name a database of your own in STAGELINE_DATABASE_URL"
    )
    raise FatalError(message)
