"""Logging is configured once a process, so each case is a process of its own."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import ROOT


def _lines(code: str, *, level: str = "INFO", log_format: str = "json") -> list[str]:
    prelude = (
        "import logging, structlog\n"
        "from shared.process.logging import configure\n"
        f"configure(service='ingest', level={level!r}, log_format={log_format!r})\n"
    )
    done = subprocess.run(  # noqa: S603 - the code stands in this file
        [sys.executable, "-c", prelude + code],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def _one(code: str) -> dict[str, Any]:
    (line,) = _lines(code)
    record: dict[str, Any] = json.loads(line)
    return record


def test_a_record_is_one_json_line_with_its_facts_as_fields() -> None:
    record = _one("structlog.get_logger('x').info('batch_stored', records=3)")

    assert (record["event"], record["records"]) == ("batch_stored", 3)
    assert (record["service"], record["level"], record["logger"]) == ("ingest", "info", "x")
    assert record["timestamp"].endswith("Z")


def test_the_standard_librarys_records_have_the_same_form() -> None:
    record = _one("logging.getLogger('aiokafka').warning('lost %s', 'broker')")

    assert (record["event"], record["level"], record["logger"]) == (
        "lost broker",
        "warning",
        "aiokafka",
    )


def test_a_library_that_retries_by_itself_only_warns() -> None:
    theirs = _one("logging.getLogger('aiokafka.consumer').error('coordinator not available')")
    ours = _one("structlog.get_logger('shared.eventlog.kafka.reader').error('kafka_offsets_lost')")

    assert (theirs["level"], ours["level"]) == ("warning", "error")


def test_a_newline_in_a_value_cannot_forge_a_record() -> None:
    record = _one("structlog.get_logger('x').info('refused', code='a\\n{\"event\":\"forged\"}')")

    assert record["code"] == 'a\n{"event":"forged"}'


def test_an_exception_stays_in_one_line() -> None:
    record = _one(
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    structlog.get_logger('x').exception('failed')"
    )

    assert record["exception"].endswith("ZeroDivisionError: division by zero")


@pytest.mark.parametrize(("level", "expected"), [("DEBUG", 2), ("INFO", 1), ("ERROR", 0)])
def test_the_level_says_what_is_written(level: str, expected: int) -> None:
    code = "log = structlog.get_logger('x'); log.debug('a'); log.info('b')"

    assert len(_lines(code, level=level)) == expected


def test_off_a_terminal_the_automatic_format_is_json() -> None:
    (line,) = _lines("structlog.get_logger('x').info('hello')", log_format="auto")

    assert json.loads(line)["event"] == "hello"


NOISE = """
for text in (
    "Invalid HTTP request received.", "Unsupported upgrade request.",
    "No supported WebSocket library detected. Please use this or that",
):
    logging.getLogger("uvicorn.error").warning(text)
logging.getLogger("uvicorn.error").warning("another")
"""


def test_a_client_cannot_fill_the_log_with_broken_requests() -> None:
    usual = [json.loads(line)["event"] for line in _lines(NOISE)]
    debugged = [json.loads(line) for line in _lines(NOISE, level="DEBUG")]

    assert usual == ["another"]
    assert [each["level"] for each in debugged] == ["debug", "debug", "debug", "warning"]
