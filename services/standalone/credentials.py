"""`.stageline/credentials.json`: address and keys of this folder, for scripts.

Mode 0600 from the first byte on; written whole or not at all.
"""

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from shared.errors import FatalError

HOME = Path(".stageline")
"""Default data folder."""

FILE_NAME = "credentials.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Addresses and keys of one folder. The keys are stored here alone; the database has their hashes."""

    base_url: str
    write_key: str
    secret_key: str
    database_url: str = ""
    """Address of the embedded PostgreSQL, for operator commands; answers while Stageline runs."""
    api_url: str = ""
    """Address of the api, if it differs from that of ingest."""

    @property
    def read_url(self) -> str:
        """Address of the api."""
        return self.api_url or self.base_url


def read(home: Path) -> Credentials | None:
    """Credentials of the folder, or None where there are none. Raises FatalError on a broken file."""
    path = home / FILE_NAME
    try:
        content = json.loads(path.read_text("utf-8"))
        return Credentials(**{field.name: str(content.get(field.name, "")) for field in _FIELDS})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError) as exc:
        message = (
            f"{path} cannot be read ({type(exc).__name__}); mend it, or remove it for new keys"
        )
        raise FatalError(message) from exc


_FIELDS = fields(Credentials)


def write(home: Path, credentials: Credentials) -> Path:
    """Write the file and return its path. Raises OSError."""
    path = home / FILE_NAME
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(credentials), file, indent=2)
        file.write("\n")
    draft.replace(path)
    return path
