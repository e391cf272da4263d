"""Message ids of rows that have none, derived from the content, and the scope of those that have one."""

import json
from array import array
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from services.cli.importing.formats.cells import REPORTED

_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=True).encode

_EMPTY = 0
_FIRST_SLOTS = 1 << 12
_FULLEST = 0.6
_WORD = (1 << 64) - 1

NAMING_FIELDS = ("message_id", "event", "account_id", "user_id", "anonymous_id", "email")
"""Fields whose columns tell kinds of rows apart, beside that of the time."""


def kind_of_row(columns: Sequence[tuple[str, str]], event: str) -> str:
    """What numbers the rows of a file: its columns of names and time, and the event as the row has it.

    A longer export has the same kinds, and so has one with more properties. About 3 us.
    """
    content = json.dumps([columns, event], ensure_ascii=True)
    return f"rows-{blake2b(content.encode(), digest_size=8).hexdigest()}"


class Occurrences:
    """Counts occurrences of each content. Cost: 13 to 27 bytes for each distinct one.

    A hash table of 64-bit fingerprints. Contents that share a fingerprint (not expected in files of
    real size) share a counter; their names still differ by the hash of the row.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * _FIRST_SLOTS))
        self._filled = 0
        self._repeated: dict[int, int] = {}

    def add(self, digest: bytes) -> int:
        """Count one more occurrence of `digest` (8 bytes or more); returns the new count."""
        fingerprint = int.from_bytes(digest[:8], "little") or 1
        if not self._put(fingerprint):
            self._repeated[fingerprint] = self._repeated.get(fingerprint, 1) + 1
            return self._repeated[fingerprint]
        self._filled += 1
        if self._filled > _FULLEST * len(self._slots):
            self._grow()
        return 1

    def _put(self, fingerprint: int) -> bool:
        """Insert the fingerprint; whether it was new."""
        slots, mask = self._slots, len(self._slots) - 1
        slot = fingerprint & mask
        while (stored := slots[slot]) != _EMPTY:
            if stored == fingerprint:
                return False
            slot = (slot + 1) & mask
        slots[slot] = fingerprint
        return True

    def _grow(self) -> None:
        old, self._slots = self._slots, array("Q", bytes(16 * len(self._slots)))
        for fingerprint in old:
            if fingerprint != _EMPTY:
                self._put(fingerprint)


def row_name(cells: Mapping[str, Any], seen: Occurrences) -> str:
    """`import-<hash of the row>-<number among equal rows>`: 51 characters or a few more."""
    content = cells
    if REPORTED[0] in cells:
        content = {column: cell for column, cell in cells.items() if column not in REPORTED}
    digest = blake2b(_encode(content).encode(), digest_size=16)
    return f"import-{digest.hexdigest()}-{seen.add(digest.digest())}"
