"""A loopback TCP socket as a byte link: how an emulator that listens on this machine is reached.

No stimulator is ever reached over a network: any other address is refused.
"""

from __future__ import annotations

import select
import socket

from drivers.errors import NotConnected
from drivers.interface import Clock
from drivers.link import WriteTimes

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1"})
MAX_PORT = 65_535
CONNECT_TIMEOUT_S = 2.0
CHUNK = 4096


def loopback_port(name: str) -> int | None:
    """Return the TCP port that a name such as `localhost:7000` means, None if it is no such name.

    Raises:
        NotConnected: It names another machine, or a port that cannot be.
    """
    host, colon, number = name.removeprefix("socket://").rpartition(":")
    if not colon or not number.isascii() or not number.isdigit() or "/" in host:
        return None
    if host not in LOCAL_HOSTS:
        raise NotConnected(f"{name}: only localhost is reached over TCP, and only for emulators")
    if not 1 <= int(number) <= MAX_PORT:
        raise NotConnected(f"{name}: a TCP port is 1 to {MAX_PORT}")
    return int(number)


class SocketLink:
    """One connection to a loopback port, used by the thread that opened it."""

    def __init__(self, name: str, number: int, clock: Clock) -> None:
        """Connect.

        Raises:
            NotConnected: Nothing listens there.
        """
        self.name = name
        self.bytes_written = 0
        self._clock = clock
        try:
            self._socket: socket.socket | None = socket.create_connection(
                ("127.0.0.1", number), CONNECT_TIMEOUT_S
            )
        except OSError as error:
            raise NotConnected(f"{name}: nothing listens there: {error}") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def write(self, data: bytes) -> WriteTimes:
        """Write all bytes; see `drivers.link.Link.write`."""
        connection = self._open("write")
        before_ns = self._clock.now_ns()
        try:
            connection.sendall(data)
        except OSError as error:
            raise NotConnected(f"{self.name}: cannot write: {error}") from error
        self.bytes_written += len(data)
        return WriteTimes(before_ns, self._clock.now_ns())

    def read(self, until_ns: int) -> bytes:
        """Return what has arrived, waiting at most until then; see `drivers.link.Link.read`."""
        connection = self._open("read")
        timeout_s = max(0.0, (until_ns - self._clock.now_ns()) / 1e9)
        try:
            if not select.select([connection], [], [], timeout_s)[0]:
                return b""
            data = connection.recv(CHUNK)
        except OSError as error:
            raise NotConnected(f"{self.name}: the device is gone: {error}") from error
        if not data:
            raise NotConnected(f"{self.name}: the device hung up")
        return data

    def close(self) -> None:
        """Let go of it; any number of times."""
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()

    def _open(self, verb: str) -> socket.socket:
        if self._socket is None:
            raise NotConnected(f"{self.name}: cannot {verb}: the connection has been closed")
        return self._socket
