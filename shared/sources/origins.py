"""Web origins (RFC 6454) that may send events. Pure."""

import re
from collections.abc import Iterable

_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    r"(?P<star>\*\.)?"
    r"(?P<host>[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])"
    r"(:(?P<port>[0-9]{1,5}))?"
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_MAX_CHARS = 300


class Origins:
    """Allowed origins, compared by scheme, host and port without regard to case."""

    __slots__ = ("_exact", "_under")

    def __init__(self, written: Iterable[str]) -> None:
        """`https://shop.example`, or `https://*.shop.example` where the star is one label.

        Raises ValueError; its message repeats nothing of the text.
        """
        exact: set[str] = set()
        under: set[tuple[str, str]] = set()
        for text in written:
            parts = _parse(text)
            if parts is None or (parts["star"] and "." not in parts["host"]):
                message = (
                    "an origin is scheme, host and port as a browser sends them, like"
                    " https://shop.example or https://*.shop.example: no path, and names beyond"
                    " ASCII in their xn-- form"
                )
                raise ValueError(message)
            scheme, port = parts["scheme"], parts["port"]
            if port is None or port == _DEFAULT_PORTS.get(scheme):
                rest = parts["host"]
            else:
                rest = f"{parts['host']}:{port}"
            if parts["star"]:
                under.add((scheme, rest))
            else:
                exact.add(f"{scheme}://{rest}")
        self._exact = frozenset(exact)
        self._under = frozenset(under)

    def __bool__(self) -> bool:
        """Whether any origin is listed; an empty list allows every page."""
        return bool(self._exact or self._under)

    def admit(self, origin: str) -> bool:
        """Whether a value of `Origin` is allowed; `null` never is, since any page can send it."""
        parts = _parse(origin)
        if parts is None or parts["star"]:
            return False
        scheme, host, port = parts["scheme"], parts["host"], parts["port"]
        own_port = "" if port is None or port == _DEFAULT_PORTS.get(scheme) else f":{port}"
        if f"{scheme}://{host}{own_port}" in self._exact:
            return True
        label, _, rest = host.partition(".")
        return bool(label and rest) and (scheme, rest + own_port) in self._under


def _parse(text: str) -> re.Match[str] | None:
    # Refused before `lower`: the lower case of some letters beyond ASCII is ASCII.
    if len(text) > _MAX_CHARS or not text.isascii():
        return None
    return _ORIGIN.fullmatch(text.lower())
