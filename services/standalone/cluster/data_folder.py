"""The data folder of the server: made whole or not at all, and its access rules."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

import psutil

from services.standalone.cluster.system_user import SystemUser, name_of
from shared.errors import FatalError

SUPERUSER = "postgres"

_FOR_CLOSED_FOLDERS = Path("/var/lib/stageline")
_MAP = "stageline"
_SETTINGS = "stageline.conf"
_INCLUDE = f"include_if_exists = '{_SETTINGS}'"
_STARTED_ONCE = ("postmaster.opts", _SETTINGS, "backup_label")
"""One of these is in every data folder that a server has used, or that was restored from a back-up."""

_ROOT = "root"
_INITDB_SECONDS = 300.0
_KILL_SECONDS = 10.0


def located(data_dir: Path, user: SystemUser) -> Path:
    """Where the data of `data_dir` are: there, or at the end of the link that it is.

    Below a folder that `user` may not pass through, as /root, the data of a first start go to
    /var/lib/stageline, with a link in their place: no mode of another folder is changed.
    Raises FatalError, OSError.
    """
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    if data_dir.is_symlink() and not data_dir.exists():
        message = f"{data_dir} leads to {data_dir.readlink()}, which is gone: restore or remove it"
        raise FatalError(message)
    place = data_dir.resolve()
    closed = user.closed_folder(place.parent)
    if closed is None:
        return place
    if place.exists():
        message = (
            f"the database's system user ({name_of(user.uid)}) cannot enter {closed}: move the folder"
            f" {data_dir.parent} elsewhere, say to /srv, or set STAGELINE_HOME to where it may"
        )
        raise FatalError(message)
    _FOR_CLOSED_FOLDERS.mkdir(mode=0o755, parents=True, exist_ok=True)
    outside = Path(mkdtemp(prefix="data-", dir=_FOR_CLOSED_FOLDERS))
    outside.chmod(0o755)
    data_dir.symlink_to(outside / place.name)
    return outside / place.name


def prepare(
    data_dir: Path,
    *,
    programs: Path,
    user: SystemUser,
    settings: Mapping[str, str],
    log_file: Path,
) -> None:
    """Make the data folder if there is none, and write settings and access rules. May block.

    A folder is made beside its place and renamed when it is complete, so that a kill at any instant
    leaves none or a whole one. Raises FatalError, OSError.
    """
    for draft in data_dir.parent.glob(f"{data_dir.name}.new-*"):
        _kill_writers(draft)
        shutil.rmtree(draft, ignore_errors=True)
    if not any((data_dir / name).exists() for name in _STARTED_ONCE):
        _make(data_dir, programs, user, settings, log_file)
    elif user.uid != data_dir.stat().st_uid:
        user.own_all(data_dir)
    _configure(data_dir, user, settings)


def _kill_writers(draft: Path) -> None:
    """End an initdb that outlived its killed parent, and the processes that it runs: all write there."""
    writers: list[psutil.Process] = []
    for process in psutil.process_iter(["name", "cmdline"]):
        if process.info["name"] == "initdb" and str(draft) in (process.info["cmdline"] or ()):
            with suppress(psutil.NoSuchProcess):
                writers += [process, *process.children(recursive=True)]
    for process in writers:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(writers, timeout=_KILL_SECONDS)


def _make(
    data_dir: Path, programs: Path, user: SystemUser, settings: Mapping[str, str], log_file: Path
) -> None:
    draft = Path(mkdtemp(prefix=f"{data_dir.name}.new-", dir=data_dir.parent))
    try:
        user.own(draft)
        _run_initdb(draft, programs, user, log_file)
        _configure(draft, user, settings)
        # Left by an earlier version that was stopped in its first start: no server has used it.
        shutil.rmtree(data_dir, ignore_errors=True)
        draft.rename(data_dir)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _run_initdb(draft: Path, programs: Path, user: SystemUser, log_file: Path) -> None:
    command: list[str | Path] = [programs / "initdb", "-D", draft]
    command += ["--username", SUPERUSER, "--auth", "reject"]
    command += ["--no-instructions"]
    # The environment's locale may not know UTF-8; this one is the same on every machine.
    command += ["--encoding", "UTF8", "--locale-provider", "builtin"]
    command += ["--builtin-locale", "C.UTF-8"]
    with log_file.open("ab") as log:
        done = subprocess.run(  # noqa: S603 - our own command line
            command,
            cwd="/",
            env=child_environ(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # A session of its own: a Ctrl-C in the terminal reaches us alone.
            start_new_session=True,
            timeout=_INITDB_SECONDS,
            check=False,
            umask=0o077,
            **user.identity,
        )
    if done.returncode:
        message = f"the embedded PostgreSQL could not make its data folder; see {log_file}"
        raise FatalError(message)


def _configure(data_dir: Path, user: SystemUser, settings: Mapping[str, str]) -> None:
    main = data_dir / "postgresql.conf"
    if _INCLUDE not in (text := main.read_text("utf-8")):
        _write(main, f"{text}\n{_INCLUDE}\n", user)
    lines = [f"{name} = '{value}'" for name, value in settings.items()]
    _write(data_dir / _SETTINGS, _lines(lines), user)
    # The kernel says which system user is at the other end of the socket: no password to keep.
    _write(data_dir / "pg_hba.conf", _lines([f"local all all peer map={_MAP}"]), user)
    names = sorted({_ROOT, name_of(os.geteuid())})
    maps = [f'{_MAP} "{name.replace(chr(34), 2 * chr(34))}" all' for name in names]
    _write(data_dir / "pg_ident.conf", _lines(maps), user)


def _lines(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in ("# Written at each start of Stageline.", *lines))


def _write(path: Path, text: str, user: SystemUser) -> None:
    # Another file renamed into place: root follows no link that the server's user has put there.
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    user.own(draft)
    draft.replace(path)


def child_environ() -> dict[str, str]:
    """Environment of the server's processes: nothing that changes it, none of our secrets."""
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TZ")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C"}
