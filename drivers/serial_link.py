"""A serial port (or pseudo-terminal) as a byte link; the only file that imports pyserial.

At fire time the bytes go straight to the descriptor: pyserial's own write hands over the
interpreter lock twice (pitfalls.md, "Serial").  It knows nothing of any device's protocol.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import sys
from collections.abc import Callable
from dataclasses import dataclass

import serial
from serial.tools import list_ports

from drivers.errors import NotConnected, PortBusy
from drivers.interface import Clock
from drivers.link import WriteTimes

TERMINAL_ERRORS: tuple[type[Exception], ...] = (serial.SerialException, OSError)
if sys.platform != "win32":
    import termios

    TERMINAL_ERRORS = (*TERMINAL_ERRORS, termios.error)  # which is no OSError
OPENING_ERRORS: tuple[type[Exception], ...] = (*TERMINAL_ERRORS, ValueError)
"""pyserial raises ValueError for a rate that the system does not have."""

WRITE_TIMEOUT_NS = 500_000_000
"""A peer that takes no byte for this long is gone."""


@dataclass(frozen=True, slots=True)
class PortInfo:
    """A serial port that the operating system lists.

    Attributes:
        path: What to open.
        description: What the system calls it.
    """

    path: str
    description: str


def available_ports() -> tuple[PortInfo, ...]:
    """Return the serial ports of this machine; pseudo-terminals are never among them."""
    return tuple(
        PortInfo(port.device, port.description or port.device)
        for port in sorted(list_ports.comports())
    )


class SerialLink:
    """One open port, used by the thread that opened it."""

    def __init__(self, path: str, baud_rate: int, clock: Clock) -> None:
        """Open the port for this process alone, raw, 8N1, without flow control.

        Raises:
            PortBusy: Another program holds it.
            NotConnected: It does not exist, or cannot be opened.
        """
        self._clock = clock
        self._path = path
        self._bytes_written = 0
        try:
            self._port: serial.Serial | None = serial.Serial(
                path,
                baud_rate,
                timeout=0,
                write_timeout=WRITE_TIMEOUT_NS / 1e9,
                exclusive=None if sys.platform == "win32" else True,
            )
        except OPENING_ERRORS as error:
            raise _refusal(path, error) from error

    @property
    def name(self) -> str:
        """The port's path."""
        return self._path

    @property
    def bytes_written(self) -> int:
        """Bytes written since it was opened."""
        return self._bytes_written

    def write(self, data: bytes) -> WriteTimes:
        """Write all bytes; see `drivers.link.Link.write`."""
        port = self._open_port("write")
        before_ns = self._clock.now_ns()
        try:
            if sys.platform == "win32":
                written = port.write(data)
            else:
                written = os.write(port.fd, data)
        except BlockingIOError:
            written = 0
        except (serial.SerialException, OSError) as error:
            raise NotConnected(f"{self._path}: cannot write: {error}") from error
        after_ns = self._clock.now_ns()
        self._bytes_written += written
        if written < len(data):
            after_ns = self._write_rest(port, data[written:])
        return WriteTimes(before_ns, after_ns)

    def _write_rest(self, port: serial.Serial, data: bytes) -> int:
        """Write what the port's buffer did not take at once, or give the device up."""
        deadline_ns = self._clock.now_ns() + WRITE_TIMEOUT_NS
        while data:
            left_s = (deadline_ns - self._clock.now_ns()) / 1e9
            try:
                if left_s <= 0 or not select.select([], [port.fd], [], left_s)[1]:
                    raise NotConnected(
                        f"{self._path}: the device took none of {len(data)} bytes for "
                        f"{WRITE_TIMEOUT_NS / 1e9:.1f} s"
                    )
                written = os.write(port.fd, data)
            except BlockingIOError:
                continue
            except OSError as error:
                raise NotConnected(f"{self._path}: cannot write: {error}") from error
            self._bytes_written += written
            data = data[written:]
        return self._clock.now_ns()

    def read(self, until_ns: int) -> bytes:
        """Return what has arrived, waiting at most until then; see `drivers.link.Link.read`."""
        port = self._open_port("read")
        timeout_s = max(0.0, (until_ns - self._clock.now_ns()) / 1e9)
        try:
            if sys.platform == "win32":
                port.timeout = timeout_s
                first = port.read(1)
                return bytes(first + port.read(port.in_waiting)) if first else b""
            if not select.select([port.fd], [], [], timeout_s)[0]:
                return b""
            data = os.read(port.fd, 4096)
        except BlockingIOError:
            return b""
        except (serial.SerialException, OSError) as error:
            raise NotConnected(f"{self._path}: the device is gone: {error}") from error
        if not data:
            raise NotConnected(f"{self._path}: the device hung up")
        return data

    def close(self) -> None:
        """Release the port."""
        port, self._port = self._port, None
        if port is not None:
            _quietly(port.close)

    def _open_port(self, verb: str) -> serial.Serial:
        if self._port is None:
            raise NotConnected(f"{self._path}: cannot {verb}: the port has been closed")
        return self._port


def _quietly(close: Callable[[], None]) -> None:
    """Close a port whose device may be gone; pyserial then raises what it gets from the system."""
    with contextlib.suppress(*TERMINAL_ERRORS):
        close()


def _refusal(path: str, error: Exception) -> NotConnected:
    """Return the error that says why a port could not be opened and what to do."""
    number = getattr(error, "errno", None)
    if number in (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK):
        return PortBusy(f"{path}: another program holds this port; close it there first")
    if number == errno.ENOENT:
        return NotConnected(f"{path}: there is no such port; check the cable and the name")
    if number in (errno.EACCES, errno.EPERM):
        return NotConnected(f"{path}: this user may not open the port (group dialout on Debian)")
    return NotConnected(f"{path}: cannot be opened as a serial port: {error}")
