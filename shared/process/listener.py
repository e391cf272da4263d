"""The port of a process, bound before anything else starts."""

import errno
import ipaddress
import socket

from shared.errors import FatalError


def bind(host: str, port: int) -> socket.socket:
    """Bind the port; port 0 binds a free one.

    Raises FatalError, whose message says what to do, for a port or an address that cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as exc:
        listener.close()
        raise FatalError(_message(host, port, exc)) from exc
    listener.set_inheritable(True)
    return listener


def is_loopback(host: str) -> bool:
    """Whether a service that listens on `host` is reached from its own machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _message(host: str, port: int, exc: OSError) -> str:
    if isinstance(exc, socket.gaierror) or exc.errno == errno.EADDRNOTAVAIL:
        return (
            f"{host} is no address of this machine: choose one with STAGELINE_HOST,"
            " such as 127.0.0.1, or 0.0.0.0 for all of them"
        )
    if exc.errno == errno.EACCES:
        return (
            f"port {port} may not be opened by this user: choose one above 1023 with"
            " STAGELINE_PORT, and let a proxy listen on the other"
        )
    return (
        f"port {port} on {host} is not free ({exc.strerror}): stop what uses it,"
        " or choose another with STAGELINE_PORT"
    )
