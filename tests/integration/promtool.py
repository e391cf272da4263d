"""Finds promtool, or fetches it, so that the alert rules are never taken on trust.

In this order: `STAGELINE_TEST_PROMTOOL`, the path, what an earlier run left in .cache/, Debian's
`prometheus` package unpacked (not installed) into .cache/, and last a build from its Go module, which
takes minutes.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.conftest import ROOT

CACHE = ROOT / ".cache" / "promtool"
MODULE = "github.com/prometheus/prometheus"
MODULE_VERSION = "v0.305.0"
"""Prometheus 3.5.0 as a Go module: the version that docker-compose.yml runs (tested)."""

_DOWNLOAD_SECONDS = 120
_BUILD_SECONDS = 900


def find() -> Path | None:
    """Path of a promtool that runs, or None when there is no way to get one here."""
    for source in (_given, _cached, _from_debian, _from_go):
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


def _from_go() -> Path | None:
    if not shutil.which("go"):
        return None

    def build(folder: Path) -> Path:
        # A module of our own around it: `go install` refuses a module that replaces others.
        _ = (
            _succeeds(["go", "mod", "init", "stageline/promtool"], folder, _DOWNLOAD_SECONDS)
            and _succeeds(
                ["go", "get", f"{MODULE}/cmd/promtool@{MODULE_VERSION}"], folder, _BUILD_SECONDS
            )
            and _succeeds(["go", "build", f"{MODULE}/cmd/promtool"], folder, _BUILD_SECONDS)
        )
        return folder / "promtool"

    return _keep(build)


def _keep(fetch: Callable[[Path], Path]) -> Path | None:
    with TemporaryDirectory() as folder:
        found = fetch(Path(folder))
        if not found.exists():
            return None
        CACHE.mkdir(parents=True, exist_ok=True)
        # Moved within one file system, so that another run never sees half of it.
        draft = CACHE / f"promtool.{os.getpid()}"
        shutil.copy(found, draft)
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
