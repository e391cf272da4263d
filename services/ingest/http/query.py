"""Query parameters, for senders that can set neither header nor body. Pure."""

import re
from urllib.parse import parse_qsl, unquote_to_bytes

from services.ingest.http.rejections import RequestRejected

MAX_PARAMETERS = 60
KEY_NAMES = ("key", "write_key", "writeKey", "access_token")
"""Parameters that may hold a key."""
_SECRET_KEY = re.compile(rb"sl_[so]k_[0-9A-Za-z]+_[0-9A-Za-z]+")


def parameters(query: bytes) -> dict[str, str]:
    """All parameters; the last of a repeated one. Raises RequestRejected."""
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except (UnicodeDecodeError, ValueError):
        raise invalid_query() from None
    return dict(pairs)


def parameters_and_key(query: bytes) -> tuple[dict[str, str], str | None]:
    """All parameters but keys, and the key. Raises RequestRejected."""
    fields = parameters(query)
    keys = [fields.pop(name) for name in KEY_NAMES if name in fields]
    return fields, keys[0] if keys else None


def parameter(query: bytes, *names: str) -> str | None:
    """The first of `names` with a value. Raises RequestRejected."""
    if not query:
        return None
    fields = parameters(query)
    return next((value for name in names if (value := fields.get(name))), None)


def invalid_query() -> RequestRejected:
    """The query cannot be parsed."""
    return RequestRejected(
        400,
        "invalid_query",
        f"A query has at most {MAX_PARAMETERS} parameters, percent-encoded UTF-8.",
    )


def holds_secret_key(part: bytes) -> bool:
    """Whether a query or a path holds a key that is not public, percent-encoded or not, under any name."""
    return _SECRET_KEY.search(unquote_to_bytes(part)) is not None


def secret_key_in_address() -> RequestRejected:
    """The address holds a secret key."""
    return RequestRejected(
        403,
        "secret_key_in_address",
        "A secret key does not belong into an address, which logs and referrers keep: send it in"
        " the header `Authorization`, or use a write key. Revoke this one if it was sent for real.",
    )
