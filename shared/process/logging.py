"""One log schema for every process: JSON off a terminal, readable on one.

An event is a constant snake_case name, facts are fields. Never a payload, never personal data.
"""

import logging
import sys
from typing import Literal

import structlog

LogFormat = Literal["auto", "json", "console"]


def configure(*, service: str, level: str = "INFO", log_format: LogFormat = "auto") -> None:
    """Send structlog's and the standard library's records to standard error, in one format."""
    as_json = log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
    ]
    renderer: list[structlog.types.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if as_json
        # A plain traceback: the pretty one prints local variables, which hold people's data.
        else [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_lowered)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("uvicorn.error").addFilter(_without_noise)
    structlog.contextvars.bind_contextvars(service=service)


_NOISE = ("Invalid HTTP request", "Unsupported upgrade request", "No supported WebSocket library")
"""Beginnings of warnings that any client can cause, without a key and as often as it likes."""


def _without_noise(record: logging.LogRecord) -> bool:
    if record.levelno == logging.WARNING and str(record.msg).startswith(_NOISE):
        record.levelno, record.levelname = logging.DEBUG, "DEBUG"
        return logging.getLogger().isEnabledFor(logging.DEBUG)
    return True


def _lowered(record: logging.LogRecord) -> bool:
    # aiokafka logs ERROR for faults that it retries by itself. ERROR means that an operator must act,
    # and the adapters of the event log use it where that is so.
    if record.levelno >= logging.ERROR and record.name.partition(".")[0] == "aiokafka":
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True
