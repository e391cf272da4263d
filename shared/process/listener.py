"""The port of a process, bound before anything else starts."""

import socket

from shared.errors import FatalError


def bind(host: str, port: int) -> socket.socket:
    """Bind the port; port 0 binds a free one.

    Raises FatalError, whose message says what to do, when the port is in use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as exc:
        listener.close()
        message = (
            f"port {port} on {host} is not free ({exc.strerror}): stop what uses it,"
            " or choose another with STAGELINE_PORT"
        )
        raise FatalError(message) from exc
    listener.set_inheritable(True)
    return listener
