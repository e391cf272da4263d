"""Finds promtool, or fetches it, so that the alert rules are never taken on trust.

In this order: `STAGELINE_TEST_PROMTOOL`, the path, what an earlier run left in .cache/, and Debian's
`prometheus` package unpacked (not installed) into .cache/.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.conftest import ROOT
from tests.support.machine import APT, locked

CACHE = ROOT / ".cache" / "promtool"

_DOWNLOAD_SECONDS = 120


def find() -> Path | None:
    """Path of a promtool that runs, or None when there is no way to get one here."""
    with locked(APT):
        for source in (_given, _cached, _from_debian):
            candidate = source()
            if candidate is not None and _runs(candidate):
                return candidate
    return None


def _given() -> Path | None:
    given = os.environ.get("STAGELINE_TEST_PROMTOOL") or shutil.which("promtool")
    return Path(given) if given else None


def _cached() -> Path | None:
    return CACHE / "promtool"


def _from_debian() -> Path | None:
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        return None

    def fetch(folder: Path) -> Path:
        download = ["apt-get", "download", "prometheus"]
        if not _succeeds(download, folder, _DOWNLOAD_SECONDS) and os.geteuid() == 0:
            # A fresh image has no package lists; only root may fetch them.
            _succeeds(["apt-get", "update"], folder, _DOWNLOAD_SECONDS)
            _succeeds(download, folder, _DOWNLOAD_SECONDS)
        for package in folder.glob("prometheus_*.deb"):
            _succeeds(["dpkg-deb", "-x", package.name, "unpacked"], folder, _DOWNLOAD_SECONDS)
        return folder / "unpacked" / "usr" / "bin" / "promtool"

    return _keep(fetch)


def _keep(fetch: Callable[[Path], Path]) -> Path | None:
    with TemporaryDirectory() as folder:
        fetched = fetch(Path(folder))
        if not fetched.exists():
            return None
        CACHE.mkdir(parents=True, exist_ok=True)
        # Moved within one file system, so that another run never sees half of it.
        draft = CACHE / f"promtool.{os.getpid()}"
        shutil.copy(fetched, draft)
        return draft.rename(CACHE / "promtool")


def _succeeds(command: list[str], folder: Path, seconds: float) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - the commands stand above
            command, cwd=folder, capture_output=True, timeout=seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _runs(promtool: Path) -> bool:
    return promtool.exists() and _succeeds([str(promtool), "--version"], ROOT, _DOWNLOAD_SECONDS)
