"""Stores the progress of an import in the folder of Stageline, so that a stopped import resumes.

Progress only saves time: a row that is sent again has the same message id, and counts once.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from secrets import token_hex

from services.cli.client.target import ApiTarget
from services.cli.importing.formats.cells import Shape
from services.cli.importing.mapping import ColumnMapping

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportProgress:
    """Counts of the answered prefix: every line before `next_line`."""

    next_line: int = 0
    accepted: int = 0
    refused: int = 0
    import_id: str = ""
    """Id of the import; empty before anything of it was sent, and in a file of an earlier version."""


class ProgressFile:
    """Progress of one import: named by the file's content, its mapping and shape, address and key.

    The key is part of the name because it determines the workspace.
    """

    def __init__(
        self, home: Path, *, file_hash: str, mapping: ColumnMapping, shape: Shape, to: ApiTarget
    ) -> None:
        parameters = f"{to.url}\n{to.key}\n{mapping!r}\n{shape!r}"
        settings = hashlib.sha256(parameters.encode()).hexdigest()[:8]
        self.path = home / "imports" / f"{file_hash}-{settings}.json"

    def load(self) -> ImportProgress:
        """Progress of the last attempt; zero if there was none or its file cannot be read."""
        try:
            return ImportProgress(**json.loads(self.path.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return ImportProgress()

    def save(self, progress: ImportProgress) -> bool:
        """Replace the file; False where the folder cannot be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            draft = self.path.with_suffix(".new")
            draft.write_text(json.dumps(asdict(progress)), "utf-8")
            draft.replace(self.path)
        except OSError:
            return False
        return True

    def clear(self) -> None:
        """Remove the file: the next import starts at the first line."""
        self.path.unlink(missing_ok=True)


def new_import_id(now: datetime) -> str:
    """An id for an import that begins now: the time, so that a list of them is in order, and chance."""
    return f"{now:%Y%m%d-%H%M%S}-{token_hex(3)}"


def clear_import(home: Path, import_id: str) -> None:
    """Remove the progress of an import: its file would be sent from the first line."""
    for path in (home / "imports").glob("*.json"):
        try:
            is_of_import = json.loads(path.read_text("utf-8")).get("import_id") == import_id
        except (OSError, ValueError, AttributeError):
            continue
        if is_of_import:
            path.unlink(missing_ok=True)


def file_hash(path: Path) -> str:
    """Hash of the file's content: sixteen hex digits. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()[:16]
