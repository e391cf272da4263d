"""`make run` as a process: started in a folder, its output read, its commands run."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import httpx

from tests.conftest import require
from tests.support.eventually import wait_for
from tests.support.processes import free_port

READY_SECONDS = 90.0
STOP_SECONDS = 60.0

UNPRIVILEGED_USER = 65534


def python_for_everybody() -> str:
    """An interpreter of our version that an ordinary user may start."""
    named = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, shutil.which(named, path="/usr/local/bin:/usr/bin")):
        if python is None:
            continue
        try:
            subprocess.run([python, "-c", ""], user=UNPRIVILEGED_USER, check=True)  # noqa: S603 - as above
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    reason = "every Python of this machine is private to root"
    require(available=False, reason=reason)
    raise AssertionError(reason)


class Standalone:
    """One process and what it has said so far."""

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        python: str = sys.executable,
        module: str = "services.standalone",
        user: int | None = None,
        **environ: str,
    ) -> None:
        self.folder = folder
        self.log = folder / f"output-{monotonic()}.txt"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(  # noqa: S603 - our own command line
                [python, "-m", module],
                cwd=folder,
                env=os.environ | {"STAGELINE_PORT": str(port), "PYTHONFAULTHANDLER": "1"} | environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
            )

    def output(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def wait_ready(self) -> None:
        def is_ready() -> bool:
            return "Ctrl-C stops it" in self.output() or self.process.poll() is not None

        wait_for(is_ready, within=READY_SECONDS)
        assert self.process.poll() is None, self.output()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        try:
            code: int = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # The fault handler writes the stacks of all threads.
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            message = f"not stopped after {STOP_SECONDS:.0f} s:\n{self.output()}"
            raise AssertionError(message) from None
        return code

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def credentials(self) -> dict[str, str]:
        content: dict[str, str] = json.loads(
            (self.folder / ".stageline" / "credentials.json").read_text()
        )
        return content

    def get(self, path: str) -> Any:
        credentials = self.credentials()
        answer = httpx.get(
            credentials["base_url"] + path,
            headers={"Authorization": f"Bearer {credentials['secret_key']}"},
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self.command_in(self.folder, *arguments)

    @staticmethod
    def command_in(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run `stageline` where nothing needs to run."""
        return subprocess.run(  # noqa: S603 - our own command line
            [sys.executable, "-m", "services.cli", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )


Start = Callable[..., Standalone]


@contextmanager
def starting(folder: Path) -> Iterator[Start]:
    """Starts of it in one folder; whatever runs at the end is stopped."""
    started: list[Standalone] = []

    def begin(port: int | None = None, **options: Any) -> Standalone:
        started.append(Standalone(folder, free_port() if port is None else port, **options))
        return started[-1]

    try:
        yield begin
    finally:
        for each in started:
            if each.process.poll() is None:
                each.process.send_signal(signal.SIGINT)
                try:
                    each.process.wait(30)
                except subprocess.TimeoutExpired:
                    each.kill()


def curls(output: str) -> list[str]:
    """The calls of the welcome, as a person would copy them."""
    return re.findall(r"^(?:eval .*\n)?curl(?:.*\\\n)*.*$", output, re.MULTILINE)


def run_copied(command: str, folder: Path | None = None) -> Any:
    """What a command for a shell prints, read as JSON."""
    return json.loads(printed_by(command, folder))


def printed_by(command: str, folder: Path | None = None) -> str:
    """What a command for a shell prints; it must not fail."""
    done = subprocess.run(  # noqa: S602 - what a person does
        command, shell=True, cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def stage_of(command: str, folder: Path | None = None) -> Any:
    """What a command prints of a stage, or None while there is none yet."""
    printed = run_copied(command, folder)
    return printed if printed.get("stage") else None
