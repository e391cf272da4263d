"""Whether two events with one message id are the same event. Pure."""

from shared.contracts.envelope import Envelope

_CONTENT = (
    "type", "event", "account_id", "user_id", "anonymous_id", "email", "previous_id",
    "previous_account_id", "channel", "role", "properties", "traits", "account_traits", "sentiment",
    "emotion", "friction", "thought", "question", "survey", "score", "logged_by", "internal",
    "campaign", "value",
)  # fmt: skip
"""What an event says. `context`, `source` and `received_at` tell of the delivery, which a retry changes."""

_NAMES = ("type", "event", "account_id", "user_id", "anonymous_id", "email")


def has_same_content(stored: Envelope, repeated: Envelope) -> bool:
    """Whether a repeated event says what the stored one says."""
    return all(getattr(stored, name) == getattr(repeated, name) for name in _CONTENT) and (
        _is_same_time(stored, repeated)
    )


def is_same_sender_and_names(stored: Envelope, repeated: Envelope) -> bool:
    """Whether the same sender says the same of the same people and accounts, at whatever time.

    Rows of a file that are named by their content (`import-...`) are the same by whatever key they came.
    """
    is_by_content = stored.message_id.startswith("import-")
    return (is_by_content or stored.source == repeated.source) and all(
        getattr(stored, name) == getattr(repeated, name) for name in _NAMES
    )


def _is_same_time(stored: Envelope, repeated: Envelope) -> bool:
    """Whether the sender gave one time; true where it cannot be told.

    An event without a time happened when it was received, and a time that was corrected by the sender's
    clock differs a little with each retry: of those the sent text is compared, if both have it.
    """
    if stored.original_timestamp is not None and repeated.original_timestamp is not None:
        return stored.original_timestamp == repeated.original_timestamp
    if stored.original_timestamp is not None or repeated.original_timestamp is not None:
        return True
    if _is_made_here(stored) or _is_made_here(repeated):
        return True
    return stored.occurred_at == repeated.occurred_at


def _is_made_here(envelope: Envelope) -> bool:
    return envelope.occurred_at == envelope.received_at
