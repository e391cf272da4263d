"""Parameters in a request's address, for senders that can set neither header nor body. Pure."""

from urllib.parse import parse_qsl

from services.ingest.http.rejections import RequestRejected

MAX_PARAMETERS = 60
KEY_NAMES = ("key", "write_key", "writeKey", "access_token")
"""Under which a key may stand in a query."""


def parameters(query: bytes) -> dict[str, str]:
    """All parameters; of a repeated one the last counts. Raises RequestRejected."""
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except (UnicodeDecodeError, ValueError):
        raise unreadable() from None
    return dict(pairs)


def parameter(query: bytes, *names: str) -> str | None:
    """The first of `names` that has a value. Raises RequestRejected."""
    if not query:
        return None
    found = parameters(query)
    return next((value for name in names if (value := found.get(name))), None)


def unreadable() -> RequestRejected:
    """The query cannot be taken apart."""
    return RequestRejected(
        400,
        "invalid_query",
        f"A query has at most {MAX_PARAMETERS} parameters, percent-encoded UTF-8.",
    )
