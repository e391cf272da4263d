"""Distinct texts are counted exactly, in bounded memory, and leave no file behind."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from services.cli.importing.distinct import DistinctCounter
from shared.errors import FatalError

MANY = 200_000


def add_many(counter: DistinctCounter) -> None:
    for number in range(MANY):
        counter.add(f"user-{number}")
        counter.add(f"user-{number // 2}")


def test_few_and_many_are_counted_exactly() -> None:
    with DistinctCounter() as few, DistinctCounter() as many:
        for number in range(10_000):
            few.add(f"user-{number % 5_000}")
        add_many(many)

        assert few.count() == 5_000
        assert many.count() == MANY
        many.add("one more")
        assert many.count() == MANY + 1


def test_texts_that_differ_in_case_accents_or_a_zero_byte_are_distinct() -> None:
    texts = ["ann", "Ann", "ánn", "ann\0", "ann\0x", "", " "]
    with DistinctCounter() as counter:
        add_many(counter)
        for text in texts * 2:
            counter.add(text)

        assert counter.count() == MANY + len(texts)


def test_memory_does_not_grow_with_the_number_of_texts() -> None:
    tracemalloc.start()
    try:
        with DistinctCounter() as counter:
            add_many(counter)
            _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak_bytes < 10_000_000  # as a set they take 26 MB


_KILLED = """
import os, signal
from services.cli.importing.distinct import DistinctCounter

counter = DistinctCounter()
for number in range(200_000):
    counter.add(str(number))
if {is_killed}:
    os.kill(os.getpid(), signal.SIGKILL)
raise SystemExit(3)
"""


@pytest.mark.parametrize("is_killed", [True, False])
def test_no_file_stays_however_the_process_ends(tmp_path: Path, *, is_killed: bool) -> None:
    script = _KILLED.format(is_killed=is_killed)
    ended = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", script],
        env={"SQLITE_TMPDIR": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
        check=False,
    )

    assert ended.returncode == (-9 if is_killed else 3)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_takes_nothing_is_a_sentence() -> None:
    script = """
import resource
from services.cli.importing.distinct import DistinctCounter

resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
with DistinctCounter() as counter:
    for number in range(1_000_000):
        counter.add(str(number))
"""
    ended = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", script],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.stderr.splitlines()[-1].startswith(
        f"{FatalError.__module__}.{FatalError.__name__}: a temporary file for distinct names"
    )
