"""Sends clients away politely while a service stops.

Between "not ready" and the closing of the port, every answer says `Connection: close`: a client that
kept its connection would otherwise send the next request into a connection that is being closed, and
could not know whether it was taken.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.health import Health


class Draining:
    """Wraps an app; does nothing until `health.stopping`."""

    def __init__(self, app: ASGIApp, *, health: Health) -> None:
        self._app = app
        self._health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_last(message: Message) -> None:
            # Asked at the answer, not at the request: a stop may have begun in between.
            if self._health.stopping and message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, send_last)
