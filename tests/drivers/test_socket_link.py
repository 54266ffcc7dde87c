"""A loopback socket as a byte link; no stimulator is ever reached over a network."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from drivers.errors import NotConnected
from drivers.link import Link
from drivers.socket_link import SocketLink, loopback_port
from tms_console.clock import RealClock

MS = 1_000_000
CLOCK = RealClock()


@pytest.fixture
def joined() -> Iterator[tuple[SocketLink, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.getsockname()[1]
        link = SocketLink(f"localhost:{number}", number, CLOCK)
        device, _ = listener.accept()
        with device:
            yield link, device
        link.close()


def test_bytes_go_both_ways_at_once_and_are_counted(
    joined: tuple[SocketLink, socket.socket],
) -> None:
    link, device = joined
    of: Link = link
    times = of.write(b"\xfe\x01\x00\x00\xff")
    assert times.before_ns <= times.after_ns
    assert device.recv(99) == b"\xfe\x01\x00\x00\xff"
    device.sendall(b"\xff\x00")
    assert link.read(CLOCK.now_ns() + 500 * MS) == b"\xff\x00"
    assert link.bytes_written == 5


def test_a_read_returns_at_its_time_when_nothing_comes(
    joined: tuple[SocketLink, socket.socket],
) -> None:
    link, _ = joined
    begun_ns = CLOCK.now_ns()
    assert link.read(0) == b""
    assert link.read(begun_ns + 20 * MS) == b""
    assert CLOCK.now_ns() >= begun_ns + 19 * MS


def test_an_emulator_that_ends_has_hung_up(joined: tuple[SocketLink, socket.socket]) -> None:
    link, device = joined
    device.close()
    with pytest.raises(NotConnected, match="hung up"):
        link.read(CLOCK.now_ns() + 500 * MS)


def test_a_broken_connection_is_gone(joined: tuple[SocketLink, socket.socket]) -> None:
    link, device = joined
    device.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # sends a reset
    device.close()
    with pytest.raises(NotConnected, match="gone"):
        link.read(CLOCK.now_ns() + 500 * MS)
    with pytest.raises(NotConnected, match="cannot write"):
        link.write(b"x")


def test_closed_is_closed_any_number_of_times(joined: tuple[SocketLink, socket.socket]) -> None:
    link, device = joined
    link.close()
    link.close()
    assert device.recv(1) == b""
    with pytest.raises(NotConnected, match="cannot write: the connection has been closed"):
        link.write(b"x")
    with pytest.raises(NotConnected, match="cannot read"):
        link.read(0)


def test_where_nothing_listens_nothing_is_connected() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
    with pytest.raises(NotConnected, match=r"nothing listens there: .*refused"):
        SocketLink(f"localhost:{number}", number, CLOCK)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("localhost:7000", 7000),
        ("127.0.0.1:65535", 65535),
        ("socket://localhost:1", 1),
        ("/dev/ttyUSB0", None),
        ("COM3", None),
        ("/dev/serial/by-path/pci-0000:00", None),
        ("localhost:seven", None),
        ("localhost:\N{ARABIC-INDIC DIGIT SEVEN}", None),
    ],
)
def test_which_names_mean_a_loopback_port(name: str, number: int | None) -> None:
    assert loopback_port(name) == number


@pytest.mark.parametrize("name", ["192.168.0.7:7000", "clinic.example:7000", "0.0.0.0:80", ":70"])
def test_any_other_machine_is_refused(name: str) -> None:
    with pytest.raises(NotConnected, match="only localhost"):
        loopback_port(name)


@pytest.mark.parametrize("name", ["localhost:0", "localhost:65536"])
def test_a_port_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(NotConnected, match="1 to 65535"):
        loopback_port(name)
