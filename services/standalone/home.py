"""The data folder of a standalone Stageline: locked by one process, with the state of the sample."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from shared.errors import FatalError

_LOCK = "lock"
_SAMPLE = "sample.json"


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Lock the folder. Raises FatalError when another process holds it, or when it is not writable.

    The lock ends with the process, however that ends.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        file = (home / _LOCK).open("a+", encoding="utf-8")
    except OSError as exc:
        message = (
            f"cannot write {home.resolve()}: {exc.strerror}; start Stageline where you may write"
        )
        raise FatalError(message) from exc
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            message = (
                f"Stageline runs in this folder already (process {holder});"
                " stop it first, or start this one in another folder"
            )
            raise FatalError(message) from exc
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


class SampleRecord:
    """Instant that the dates of the sample count from, and whether every event of it was sent."""

    def __init__(self, home: Path) -> None:
        self._path = home / _SAMPLE

    def anchor(self, now: datetime) -> datetime:
        """Instant that all dates of the sample count from: that of the first run, for good."""
        anchor = self._read().get("anchor")
        if anchor is not None:
            return datetime.fromisoformat(str(anchor)).astimezone(UTC)
        self._write({"anchor": now.isoformat(), "played": False})
        return now

    @property
    def is_played(self) -> bool:
        """Whether every sample event was accepted."""
        return self._read().get("played") is True

    def played(self) -> None:
        """Store that every sample event was accepted."""
        self._write(self._read() | {"played": True})

    def _read(self) -> dict[str, str | bool]:
        try:
            content = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as exc:
            raise FatalError(f"{self._path} cannot be read; remove it") from exc
        return content if isinstance(content, dict) else {}

    def _write(self, content: dict[str, str | bool]) -> None:
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps(content), "utf-8")
        draft.replace(self._path)
