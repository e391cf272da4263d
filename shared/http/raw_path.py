"""Paths matched as they were sent, so that an id in a path may hold an encoded slash.

ASGI servers decode the path, after which `a%2Fb` is two segments. `RawPath` routes by the raw path
instead: a parameter `{id:encoded}` gets the percent-encoded text, which `percent_decoded` decodes.
"""

from string import printable
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope


class RawPath:
    """ASGI middleware: the path of the scope is the raw one, still percent-encoded."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one request. The scope is changed in place: outer layers read the route from it."""
        if scope["type"] == "http":
            raw: bytes = scope.get("raw_path") or quote(scope["path"], safe="/:").encode("ascii")
            # A colon means the same in either form, and begins the name of a custom method.
            scope["path"] = raw.replace(b"%3A", b":").replace(b"%3a", b":").decode("latin-1")
            query: bytes = scope.get("query_string", b"")
            if not query.isascii():
                # Starlette decodes what is not percent-encoded as latin-1.
                scope["query_string"] = quote(query, safe=printable).encode("ascii")
        await self._app(scope, receive, send)


class _Encoded(Convertor[str]):
    """One or more characters, slashes among them."""

    regex = ".+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return quote(value, safe="")


register_url_convertor("encoded", _Encoded())


def percent_decoded(encoded: Any) -> str:  # noqa: ANN401 - the input of a pydantic validator
    """Text of a percent-encoded piece of a path or query.

    Raises ValueError if it is not UTF-8 or holds NUL: it could not be stored, so it names nothing.
    """
    text = str(encoded)
    if "%" in text or not text.isascii():
        text = unquote_to_bytes(text.encode("latin-1")).decode("utf-8")
    if "\x00" in text:
        message = "text holds no NUL"
        raise ValueError(message)
    return text
