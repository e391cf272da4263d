"""How far an import came, beside the folder's other files, so that a stopped one goes on.

A state only says which lines need not be sent again; losing it costs time and nothing else, because
every row has a lasting name.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from services.cli.client.target import ApiTarget
from services.cli.importing.formats.cells import Shape
from services.cli.importing.mapping import ColumnMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportProgress:
    """What is safe. Every line before `next_line` was answered."""

    next_line: int = 0
    accepted: int = 0
    refused: int = 0


class ProgressFile:
    """One import's file: by content of the file, how it is read, where it goes to and by which key.

    The key is part of it because it names the workspace: what one workspace has, another may lack.
    """

    def __init__(
        self, home: Path, *, file_hash: str, mapping: ColumnMapping, shape: Shape, to: ApiTarget
    ) -> None:
        told = f"{to.url}\n{to.key}\n{mapping!r}\n{shape!r}"
        settings = hashlib.sha256(told.encode()).hexdigest()[:8]
        self.path = home / "imports" / f"{file_hash}-{settings}.json"

    def load(self) -> ImportProgress:
        """Where the last attempt stopped; the beginning if there was none or it cannot be read."""
        try:
            return ImportProgress(**json.loads(self.path.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return ImportProgress()

    def save(self, progress: ImportProgress) -> bool:
        """Replace the state; False where the folder cannot be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            draft = self.path.with_suffix(".new")
            draft.write_text(json.dumps(asdict(progress)), "utf-8")
            draft.replace(self.path)
        except OSError:
            return False
        return True

    def clear(self) -> None:
        """The import is complete: the next one begins at the beginning."""
        self.path.unlink(missing_ok=True)
