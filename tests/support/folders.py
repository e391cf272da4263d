"""Folders for the parts that tests start."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def postgres_folder() -> Iterator[Path]:
    """A folder that a server of another system user may enter, for the time of a test.

    Not pytest's: each run that starts takes the access to those of all others away.
    """
    with TemporaryDirectory(prefix="stageline-test-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)
