"""Settings of the stager, all from the environment."""

from pydantic import Field

from shared.settings import IdentitySettings


class StagerSettings(IdentitySettings):
    """Settings of the stager beyond the common ones."""

    stager_group: str = Field(
        default="stageline-stager",
        min_length=1,
        description="Consumer group that shares the partitions among stagers.",
    )
    stager_batch_records: int = Field(
        default=2000, ge=1, le=20_000, description="Most records in one transaction."
    )
    stager_partition_workers: int = Field(
        validation_alias="STAGELINE_STAGER_LANES",
        default=2,
        ge=1,
        le=8,
        description="Partition workers: transactions under way at once, on disjoint partitions.",
    )
    stager_poll_seconds: float = Field(
        default=0.05, gt=0, le=5, description="Longest wait for the next records of a batch."
    )
    stager_cache_subjects: int = Field(
        default=50_000, ge=100, description="Subjects whose state is kept in memory."
    )
    stager_timer_seconds: float = Field(
        default=1.0, gt=0, le=60, description="Pause between two sweeps of due deadlines."
    )
    stager_alive_seconds: float = Field(
        default=30.0, gt=0, le=600, description="Age of the last poll at which /livez answers 503."
    )
    stager_poison_window: int = Field(
        default=200, ge=20, le=100_000, description="Newest records that the poison cap counts."
    )
    stager_poison_ratio: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Share of poison in the window above which the stager stops.",
    )
    stager_max_record_bytes: int = Field(
        default=1_000_000, ge=1024, description="Largest record that is not poison for its size."
    )
    stager_log_days: int = Field(
        default=7,
        ge=1,
        le=3650,
        description="Days that the Postgres event log keeps stored records.",
    )
    stager_outbox_days: int = Field(
        default=30, ge=1, le=3650, description="Days that notices of journey changes are kept."
    )
