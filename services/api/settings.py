"""Settings of the api service; docs/configuration.md has a row for each."""

from pydantic import Field

from shared.settings import IdentitySettings


class ApiSettings(IdentitySettings):
    """Settings of the api beyond the common ones."""

    stage_connections: int = Field(
        default=8, ge=1, le=100, description="Connections that answer GET /v1/stage."
    )
    query_connections: int = Field(
        default=4, ge=1, le=100, description="Connections that answer every other call."
    )
    stage_timeout_seconds: float = Field(
        default=3.0, gt=0, le=15, description="Longest wait for the database in GET /v1/stage."
    )
    max_map_bytes: int = Field(
        default=524_288, ge=1024, le=524_288, description="Largest map that is taken, in bytes."
    )
    key_refresh_seconds: float = Field(
        default=5.0,
        ge=0.1,
        le=300,
        description="Time between two reads of the API keys: how long a revoked key still works.",
    )
    unready_seconds: float = Field(
        default=0.5,
        ge=0,
        le=30,
        description="Time between /readyz turning 503 at a stop and the port closing.",
    )
    gauge_seconds: float = Field(
        default=5.0, ge=1, le=3600, description="Time between two counts of stages and alerts."
    )
