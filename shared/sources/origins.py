"""Which web pages may send: origins as RFC 6454 writes them, compared whole. Pure."""

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
    """Those that may send. Scheme, host and port all count; their case does not."""

    __slots__ = ("_exact", "_under")

    def __init__(self, written: Iterable[str]) -> None:
        """`https://shop.example`, or `https://*.shop.example` where the star is one label.

        Raises ValueError with a sentence that repeats nothing.
        """
        exact: set[str] = set()
        under: set[tuple[str, str]] = set()
        for text in written:
            found = _taken_apart(text)
            if found is None or (found["star"] and "." not in found["host"]):
                message = (
                    "an origin is scheme, host and port as a browser sends them, like"
                    " https://shop.example or https://*.shop.example: no path, and names beyond"
                    " ASCII in their xn-- form"
                )
                raise ValueError(message)
            scheme, port = found["scheme"], found["port"]
            if port is None or port == _DEFAULT_PORTS.get(scheme):
                rest = found["host"]
            else:
                rest = f"{found['host']}:{port}"
            if found["star"]:
                under.add((scheme, rest))
            else:
                exact.add(f"{scheme}://{rest}")
        self._exact = frozenset(exact)
        self._under = frozenset(under)

    def __bool__(self) -> bool:
        """Whether there are any; without, every page may send."""
        return bool(self._exact or self._under)

    def admit(self, origin: str) -> bool:
        """Whether the page of an `Origin` header may send; `null`, which any page can have, may not."""
        found = _taken_apart(origin)
        if found is None or found["star"]:
            return False
        scheme, host, port = found["scheme"], found["host"], found["port"]
        own_port = "" if port is None or port == _DEFAULT_PORTS.get(scheme) else f":{port}"
        if f"{scheme}://{host}{own_port}" in self._exact:
            return True
        label, _, rest = host.partition(".")
        return bool(label and rest) and (scheme, rest + own_port) in self._under


def _taken_apart(text: str) -> re.Match[str] | None:
    # Not ASCII: the lower case of some other letters is.
    if len(text) > _MAX_CHARS or not text.isascii():
        return None
    return _ORIGIN.fullmatch(text.lower())
