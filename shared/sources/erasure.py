"""Requests to erase a person that ingest has accepted and the stager has not carried out yet. Pure."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.contracts.envelope import Envelope
from shared.contracts.names import email_of, person_names
from shared.ids import WorkspaceId
from shared.sources.hashing import person_digest

UNDER_WAY = timedelta(days=1)
"""A request that was not carried out for so long counts as lost: it never reached the log, or the log has
lost it. Without an end, it would block its person for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRequest:
    """One request, without the names of the person."""

    workspace_id: WorkspaceId
    message_id: str
    """That of the record, by which the stager records the completed request."""
    digests: tuple[bytes, ...]
    """Entries that the names of the request have in the suppression list."""
    record_key: bytes
    """Requests with equal keys are carried out in the order of the log."""
    requested_at: datetime


ErasureRequestWriter = Callable[[Sequence[ErasureRequest]], Awaitable[None]]
"""Stores requests, in place of earlier ones with their message ids. Raises TransientError while the
database is away."""


def erasure_request(envelope: Envelope, *, hash_key: bytes) -> ErasureRequest:
    """The request of an envelope of the type `erase`; `hash_key` is the workspace's."""
    names = person_names(
        user_id=envelope.user_id, email=envelope.email, anonymous_id=envelope.anonymous_id
    )
    # Erasing an id that is an address erases the address, wherever it stands.
    names += [email for name in names if (email := email_of(name)) is not None]
    return ErasureRequest(
        workspace_id=WorkspaceId(envelope.workspace_id),
        message_id=envelope.message_id,
        digests=tuple(sorted({person_digest(name, key=hash_key) for name in names})),
        record_key=envelope.partition_key(),
        requested_at=envelope.received_at,
    )
