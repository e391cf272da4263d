"""A service started many times for the price of one import.

A process imports the service's module once and forks a child for each start, which runs the module's
`main` with an environment of its own: a real process with a real process id, to be killed and waited
for. Only the seconds of importing are saved, which a test of many starts would spend again each time.
"""

import asyncio
import gc
import importlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import NoReturn, Self


class Preloaded:
    """Starts `module.main` as often as asked, one child at a time. Use by `async with`."""

    def __init__(self, module: str, log_file: Path) -> None:
        """All children write their output to the end of `log_file`."""
        self._module = module
        self._log_file = log_file
        self._parent: asyncio.subprocess.Process | None = None
        self._pid: int | None = None
        self._ended: asyncio.Task[bytes] | None = None

    async def __aenter__(self) -> Self:
        """Begin to import; the first `start` waits for it."""
        with self._log_file.open("ab") as log:
            self._parent = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", __name__, self._module, str(self._log_file)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave no process behind, whatever the test came to."""
        if self._ended is not None and not self._ended.done():
            await self.end(signal.SIGKILL)
        assert self._parent is not None
        await self._parent.communicate(b"")

    async def start(self, environ: Mapping[str, str]) -> None:
        """Start a child whose environment is ours with `environ` laid over it."""
        assert self._parent is not None
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(json.dumps({**os.environ, **environ}).encode() + b"\n")
        self._pid = int(await self._parent.stdout.readline())
        self._ended = asyncio.get_running_loop().create_task(self._parent.stdout.readline())

    def check(self) -> None:
        """Fail with the end of its log if the child has ended by itself."""
        assert self._ended is not None
        assert not self._ended.done(), self._log_file.read_text("utf-8")[-3000:]

    async def end(self, number: signal.Signals) -> int:
        """Send the child a signal and wait; its exit code, negative for the signal that killed it."""
        self.check()
        assert self._pid is not None
        assert self._ended is not None
        os.kill(self._pid, number)
        return int(await self._ended)


def _serve(module: ModuleType, log_file: str) -> None:
    gc.freeze()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become(module, json.loads(line), log_file)
        print(pid, flush=True)  # noqa: T201 - to the test
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 - to the test


def _become(module: ModuleType, environ: dict[str, str], log_file: str) -> NoReturn:
    code = 70
    try:
        log = os.open(log_file, os.O_WRONLY | os.O_APPEND)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.environ.clear()
        os.environ.update(environ)
        code = module.main()
    except BaseException:  # noqa: BLE001 - the child must end here, not in its parent's loop
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(importlib.import_module(sys.argv[1]), sys.argv[2])
