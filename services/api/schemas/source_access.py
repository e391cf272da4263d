"""Secrets and keys of a source."""

from uuid import UUID

from pydantic import Field

from services.api.schemas.base import Example, RequestModel, ResponseModel
from services.api.schemas.fields import Instant
from shared.sources.secret import MAX_CHARS


class SecretInfo(ResponseModel):
    """A valid secret, without its value."""

    secret_id: UUID
    created_at: Instant
    expires_at: Instant | None = Field(description="Null: it does not expire.")


class KeyInfo(ResponseModel):
    """A write key of a source, without its value."""

    key_id: str
    label: str
    created_at: Instant
    expires_at: Instant | None
    revoked_at: Instant | None


class NewSecret(RequestModel):
    """A secret to be added."""

    value: str | None = Field(
        default=None,
        max_length=MAX_CHARS,
        description="The secret as the provider shows it. Absent: one is generated, for the"
        " kinds `standard-webhooks` and `generic`.",
    )
    others_expire_in_seconds: int | None = Field(
        default=None,
        ge=0,
        le=365 * 86_400,
        description="Delay after which the other valid secrets expire: a day is time to change"
        " the secret at the sender. Absent: they do not expire.",
    )


class CreatedSecret(SecretInfo):
    """A secret that was added, with its value if it was generated."""

    value: str | None = Field(
        description="The secret, if it was generated; it is not shown again. Null if it was sent."
    )


class EndSecretQuery(RequestModel):
    """When a secret expires."""

    in_seconds: int = Field(
        default=0, ge=0, le=365 * 86_400, description="Delay after which it expires."
    )


class NewKey(RequestModel):
    """A write key to be created."""

    label: str = Field(default="", max_length=200, description="What the key is for.")
    expires_in_days: int | None = Field(
        default=None, ge=1, le=36_500, description="Absent: it does not expire."
    )


class CreatedKey(ResponseModel):
    """A write key that was created, with its value."""

    key_id: str
    key: str = Field(description="The key. It is not shown again: only a hash is stored.")
    expires_at: Instant | None


NEW_SECRET_EXAMPLE: Example = {"others_expire_in_seconds": 86400}

SECRET_EXAMPLE: Example = {
    "secret_id": "0198f2c4-7d1e-7c3a-9a51-2f6f0c6f1b11",
    "created_at": "2026-03-01T08:01:00Z",
    "expires_at": None,
    "value": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw8pXo6DkIu0Y=",
}

KEY_INFO_EXAMPLE: Example = {
    "key_id": "4be0643f1d98",
    "label": "shop",
    "created_at": "2026-03-01T08:01:00Z",
    "expires_at": None,
    "revoked_at": None,
}

NEW_KEY_EXAMPLE: Example = {"label": "shop"}

KEY_EXAMPLE: Example = {
    "key_id": "4be0643f1d98",
    "key": "sl_wk_4be0643f1d98_0123456789abcdef0123456789abcdef0123456789abcdef",
    "expires_at": None,
}
