"""Configuration from the environment alone: prefix `STAGELINE_`, secrets also by `<NAME>_FILE`.

Settings are built once at start-up and handed down frozen; no other module reads the environment.
docs/configuration.md has a row for each field (tested).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import FatalError

PREFIX = "STAGELINE_"

S = TypeVar("S", bound=BaseSettings)


class CommonSettings(BaseSettings):
    """What every process needs to know."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    database_url: SecretStr = Field(
        description="PostgreSQL address, postgresql://user:password@host:port/name."
    )
    event_log: Literal["kafka", "postgres"] = Field(
        default="postgres", description="Which event log carries touchpoints."
    )
    kafka_bootstrap: str = Field(
        default="127.0.0.1:9092", min_length=1, description="Kafka brokers, host:port[,host:port]."
    )
    partitions: int = Field(
        default=4, ge=1, le=1024, description="Partitions of a topic when Stageline creates it."
    )
    log_timeout_seconds: float = Field(
        default=5.0, gt=0, le=60, description="Longest wait for the event log's acknowledgement."
    )
    host: str = Field(default="127.0.0.1", description="Address that the service listens on.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port that the service listens on.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least severe log record written."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="Log lines as JSON, for a console, or by what stderr is."
    )
    shutdown_seconds: float = Field(
        default=10.0, gt=0, le=120, description="Budget of a graceful stop."
    )


def load(kind: type[S], environ: Mapping[str, str] | None = None) -> S:
    """Build settings from the environment, naming every bad variable at once.

    `<NAME>_FILE` holds the path of a file whose content is the value (container secrets).
    Raises FatalError whose text lists variable and reason, never the value.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name in kind.model_fields:
        variable = PREFIX + name.upper()
        if variable in environ:
            values[name] = environ[variable]
        elif f"{variable}_FILE" in environ:
            try:
                values[name] = Path(environ[f"{variable}_FILE"]).read_text("utf-8").strip()
            except OSError as exc:
                problems.append(f"{variable}_FILE: {exc.strerror}")
    try:
        settings = kind.model_validate(values)
    except ValidationError as exc:
        problems += [
            f"{PREFIX}{'.'.join(str(part) for part in error['loc']).upper()}: {error['msg']}"
            for error in exc.errors(include_input=False, include_url=False)
        ]
    else:
        if not problems:
            return settings
    message = "cannot start, the configuration is wrong:\n  " + "\n  ".join(problems)
    raise FatalError(message)


def redacted(settings: BaseSettings) -> dict[str, Any]:
    """Settings as they may be logged, secrets masked."""
    return {name: "***" if isinstance(value, SecretStr) else value for name, value in settings}
