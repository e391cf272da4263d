"""What a port or an address that cannot be used is answered with."""

import socket

import pytest

from shared.errors import FatalError
from shared.process.listener import bind, is_loopback


def test_a_port_in_use_names_the_way_out() -> None:
    with bind("127.0.0.1", 0) as first:
        first.listen()
        port = first.getsockname()[1]

        with pytest.raises(FatalError, match=f"port {port} on 127.0.0.1 is not free .*PORT"):
            bind("127.0.0.1", port)


@pytest.mark.parametrize("host", ["203.0.113.9", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_named_as_such(host: str) -> None:
    with pytest.raises(FatalError, match=f"{host} is no address of this machine.*STAGELINE_HOST"):
        bind(host, 0)


def test_a_port_of_the_system_names_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may open every port, so the system's own refusal cannot be relied on here.
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)

    with pytest.raises(FatalError, match=r"port 80 may not be opened by this user.*above 1023"):
        bind("127.0.0.1", 80)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True), ("127.0.0.2", True), ("::1", True), ("localhost", True),
        ("0.0.0.0", False), ("::", False), ("10.0.0.7", False), ("ingest", False),  # noqa: S104 - compared
    ],
)  # fmt: skip
def test_a_loopback_address_is_reached_from_the_machine_alone(host: str, *, expected: bool) -> None:
    assert is_loopback(host) == expected
