"""Configuration from the environment alone: prefix `STAGELINE_`, secrets also by `<NAME>_FILE`.

Settings are built once at start-up and handed down frozen; no other module reads the environment.
docs/configuration.md has a row for each field (tested).
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from shared.errors import FatalError
from shared.wording import nearest

PREFIX = "STAGELINE_"
_UNREADABLE = "unreadable_file"

S = TypeVar("S", bound=BaseSettings)


def variable(name: str, field: FieldInfo) -> str:
    """Environment variable of a setting: the prefix and the field's name, or the field's alias.

    An alias keeps the variable of a field that got another name.
    """
    alias = field.validation_alias
    return alias if isinstance(alias, str) else PREFIX + name.upper()


class _Unreadable(str):
    """Why the file of a setting cannot be read; stands for the value until validation reports it."""

    __slots__ = ()


class _FileSettingsSource(EnvSettingsSource):
    """Values from files: the variable `<NAME>_FILE` holds the path (container secrets)."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Content of the field's file without white space around it, or None without a file."""
        is_complex = self.field_is_complex(field)
        path = self.env_vars.get(f"{variable(field_name, field)}_FILE".lower())
        if path is None:
            return None, field_name, is_complex
        try:
            return Path(path).read_text("utf-8").strip(), field_name, is_complex
        except OSError as exc:
            return _Unreadable(exc.strerror), field_name, is_complex
        except UnicodeDecodeError:
            return _Unreadable("not UTF-8"), field_name, is_complex


class CommonSettings(BaseSettings):
    """Settings that every process has."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", populate_by_name=True
    )

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
    metrics_peers: Literal["loopback", "all"] = Field(
        default="loopback",
        description="Who may read /metrics, which needs no key: this machine alone, or all that reach"
        " the port.",
    )
    shutdown_seconds: float = Field(
        default=10.0, gt=0, le=120, description="Budget of a graceful stop."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - there is no .env file
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - see _FileSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the files that the environment names."""
        return init_settings, env_settings, _FileSettingsSource(settings_cls)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_unreadable(cls, value: object) -> object:
        if isinstance(value, _Unreadable):
            raise PydanticCustomError(_UNREADABLE, "{reason}", {"reason": str(value)})
        return value


class IdentitySettings(CommonSettings):
    """Limits of who is who, by which the stager joins and the api explains: equal in every process."""

    identity_user_ids: int = Field(
        default=1,
        ge=1,
        le=200,
        description="User ids that a person may have by standing together in events; a merge is not bound.",
    )
    identity_records: int = Field(
        default=1,
        ge=1,
        le=200,
        description="Records of one kind of one provider, such as HubSpot contacts, that a person may have"
        " likewise.",
    )
    identity_addresses: int = Field(
        default=200, ge=1, le=2000, description="Addresses that a person may have likewise."
    )
    identity_names: int = Field(
        default=200,
        ge=2,
        le=2000,
        description="Names that a person may have in all, devices apart, and names that one may stand beside;"
        " beyond it a name is shared and joins nothing.",
    )


def load(kind: type[S], **overrides: str) -> S:
    """Build settings from the environment, naming every bad variable at once.

    `overrides`, by field name, win over the environment. Raises FatalError whose text lists variable
    and reason, never the value.
    """
    try:
        return kind.model_validate(overrides)
    except ValidationError as exc:
        problems = [
            f"{PREFIX}{'.'.join(map(str, error['loc'])).upper().removeprefix(PREFIX)}"
            f"{'_FILE' if error['type'] == _UNREADABLE else ''}: {error['msg']}"
            for error in exc.errors(include_input=False, include_url=False)
        ]
        message = "cannot start, the configuration is wrong:\n  " + "\n  ".join(problems)
        raise FatalError(message) from None


_OF_COMMANDS = frozenset({"URL", "WRITE_KEY", "SECRET_KEY", "HOME"})
"""Variables that the command line reads; they may be set for everything that is started."""


def misspelt(kind: type[BaseSettings], names: Iterable[str] | None = None) -> dict[str, str]:
    """Variables that no setting of `kind` reads -> the variable that each resembles.

    `names`: those to look at; default: the environment's.
    """
    names = os.environ if names is None else names
    read_here = {
        variable(name, field).removeprefix(PREFIX) for name, field in kind.model_fields.items()
    }
    suspected: dict[str, str] = {}
    for name in sorted(names):
        own = name.removeprefix(PREFIX).removesuffix("_FILE")
        if not name.startswith(PREFIX) or own in read_here | _OF_COMMANDS:
            continue
        # One letter may be wrong, missing, added or exchanged: settings of other processes are not
        # suspected, though they may share most of their letters.
        near = nearest(own, sorted(read_here), cutoff=1 - 1.2 / max(len(own), 4))
        if near is not None:
            suspected[name] = PREFIX + near
    return suspected


def redacted(settings: BaseSettings) -> dict[str, Any]:
    """Settings as they may be logged, secrets masked."""
    return {name: "***" if isinstance(value, SecretStr) else value for name, value in settings}
