"""Settings of the one-process Stageline; docs/configuration.md has a row for each."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from services.standalone.credentials import HOME
from shared.settings import CommonSettings


class StandaloneSettings(CommonSettings):
    """Settings of the standalone process; those of the three services apply as well."""

    database_url: SecretStr = Field(
        default=SecretStr(""),
        description="PostgreSQL to use instead of the embedded one; empty: the embedded one.",
    )
    home: Path = Field(default=HOME, description="Folder of data, keys and imports' progress.")
    sample: bool = Field(
        default=True,
        description="Publish a sample map, and play sample journeys into a database that has none.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="WARNING", description="Least severe log record written."
    )
