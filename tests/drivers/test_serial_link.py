"""A serial port as a byte link, on pseudo-terminals: what arrives, what is refused, what leaks."""

from __future__ import annotations

import errno
import os
import select
import sys
import termios
import tty
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import serial
from serial.tools import list_ports

from drivers import serial_link
from drivers.errors import NotConnected, PortBusy
from drivers.link import Link
from drivers.serial_link import PortInfo, SerialLink, available_ports
from tms_console.clock import RealClock

MS = 1_000_000
CLOCK = RealClock()


@dataclass
class Pair:
    """Both ends of a pseudo-terminal; the master plays the device."""

    master: int
    slave: int
    path: str

    def hang_up(self) -> None:
        os.close(self.master)
        os.close(self.slave)
        self.master = self.slave = -1


@pytest.fixture
def pair() -> Iterator[Pair]:
    master, slave = os.openpty()
    tty.setraw(master)
    tty.setraw(slave)
    made = Pair(master, slave, os.ttyname(slave))
    yield made
    for end in (made.master, made.slave):
        if end >= 0:
            os.close(end)


@pytest.fixture
def link(pair: Pair) -> Iterator[SerialLink]:
    opened = SerialLink(pair.path, 38_400, CLOCK)
    yield opened
    opened.close()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def soon() -> int:
    return CLOCK.now_ns() + 500 * MS


def test_bytes_go_both_ways_unchanged_and_are_counted(pair: Pair, link: SerialLink) -> None:
    every = bytes(range(256))
    of: Link = link
    times = of.write(every)
    assert times.before_ns <= times.after_ns <= CLOCK.now_ns()
    assert os.read(pair.master, 4096) == every
    os.write(pair.master, every)
    assert link.read(soon()) == every
    assert (link.bytes_written, link.name) == (256, pair.path)


def test_a_read_returns_at_its_time_when_nothing_comes(link: SerialLink) -> None:
    begun_ns = CLOCK.now_ns()
    assert link.read(0) == b""
    assert CLOCK.now_ns() - begun_ns < 20 * MS
    assert link.read(begun_ns + 30 * MS) == b""
    assert CLOCK.now_ns() >= begun_ns + 29 * MS


def test_what_the_port_takes_in_pieces_arrives_whole(
    pair: Pair, link: SerialLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full buffer takes part of a frame; the rest must follow, and nothing twice."""
    write, sizes = os.write, [3, 0, 2]

    def partly(descriptor: int, data: bytes) -> int:
        size = sizes.pop(0) if sizes else len(data)
        if not size:
            raise BlockingIOError
        return write(descriptor, data[:size])

    monkeypatch.setattr(os, "write", partly)
    link.write(b"0123456789")
    monkeypatch.undo()
    arrived = b""
    while len(arrived) < 10:
        arrived += os.read(pair.master, 99)
    assert arrived == b"0123456789"
    assert link.bytes_written == 10


def test_a_port_that_takes_nothing_at_first_gets_everything_later(
    pair: Pair, link: SerialLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, refusals = os.write, [True]

    def refusing(descriptor: int, data: bytes) -> int:
        if refusals and refusals.pop():
            raise BlockingIOError
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", refusing)
    link.write(b"abc")
    monkeypatch.undo()
    assert os.read(pair.master, 99) == b"abc"


def test_a_peer_that_takes_nothing_is_gone_after_half_a_second(
    link: SerialLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a limit a dead peer blocks for ever (pitfalls.md, Serial)."""
    monkeypatch.setattr(serial_link, "WRITE_TIMEOUT_NS", 20 * MS)
    with pytest.raises(NotConnected, match=r"took none of \d+ bytes for 0\.0 s"):
        link.write(bytes(500_000))


def test_an_error_in_the_middle_of_a_write_is_a_device_that_is_gone(
    link: SerialLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[int | OSError] = [2, OSError(errno.EIO, "Input/output error")]

    def failing(_: int, __: bytes) -> int:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(os, "write", failing)
    with pytest.raises(NotConnected, match="cannot write"):
        link.write(b"abcdef")
    assert link.bytes_written == 2


def test_a_device_that_hangs_up_is_not_connected_for_reading_and_writing(
    pair: Pair, link: SerialLink
) -> None:
    pair.hang_up()
    with pytest.raises(NotConnected, match=r"gone|hung up"):
        link.read(soon())
    with pytest.raises(NotConnected, match="cannot write"):
        link.write(b"x")


def test_an_end_of_file_is_a_device_that_hung_up(
    link: SerialLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(select, "select", lambda *_: ([1], [], []))
    monkeypatch.setattr(os, "read", lambda *_: b"")
    with pytest.raises(NotConnected, match="hung up"):
        link.read(0)


def test_bytes_that_another_reader_took_are_no_error(
    link: SerialLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> bytes:
        raise BlockingIOError

    monkeypatch.setattr(select, "select", lambda *_: ([1], [], []))
    monkeypatch.setattr(os, "read", gone)
    assert link.read(0) == b""


def test_a_port_that_is_open_elsewhere_is_busy(pair: Pair, link: SerialLink) -> None:
    with pytest.raises(PortBusy, match="another program holds this port"):
        SerialLink(pair.path, 38_400, CLOCK)
    link.close()
    SerialLink(pair.path, 38_400, CLOCK).close()


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.EACCES, NotConnected, "group dialout"),
        (errno.EPERM, NotConnected, "group dialout"),
        (errno.ENOENT, NotConnected, "there is no such port"),
        (errno.EBUSY, PortBusy, "another program"),
        (errno.EIO, NotConnected, "cannot be opened as a serial port"),
    ],
)
def test_why_a_port_cannot_be_opened_is_said_in_words(
    monkeypatch: pytest.MonkeyPatch, number: int, kind: type[NotConnected], words: str
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise serial.SerialException(number, os.strerror(number))

    monkeypatch.setattr(serial, "Serial", refused)
    with pytest.raises(NotConnected, match=words) as caught:
        SerialLink("/dev/ttyUSB0", 38_400, CLOCK)
    assert type(caught.value) is kind


def test_a_missing_port_is_missing_even_if_its_name_holds_the_word_lock(tmp_path: Path) -> None:
    with pytest.raises(NotConnected, match="no such port") as caught:
        SerialLink(str(tmp_path / "clock"), 38_400, CLOCK)
    assert not isinstance(caught.value, PortBusy)


def test_something_that_is_no_port_is_refused_and_nothing_leaks(tmp_path: Path) -> None:
    plain = tmp_path / "file"
    plain.write_bytes(b"")
    before = descriptors()
    for path in (str(plain), "/dev/null", str(tmp_path)):
        with pytest.raises(NotConnected, match="cannot be opened as a serial port"):
            SerialLink(path, 38_400, CLOCK)
    with pytest.raises(NotConnected):
        SerialLink(str(tmp_path / "missing"), 38_400, CLOCK)
    assert descriptors() == before


def test_a_terminal_that_vanishes_while_it_is_opened_is_not_connected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """termios.error is no OSError (pitfalls.md, Serial)."""

    def vanished(*_: object, **__: object) -> None:
        raise termios.error(errno.EIO, "Input/output error")

    monkeypatch.setattr(serial, "Serial", vanished)
    with pytest.raises(NotConnected, match="Input/output error"):
        SerialLink("/dev/ttyUSB0", 38_400, CLOCK)


def test_closing_releases_every_descriptor_any_number_of_times(pair: Pair) -> None:
    before = descriptors()
    link = SerialLink(pair.path, 38_400, CLOCK)
    link.close()
    link.close()
    assert descriptors() == before
    for use in (lambda: link.write(b"x"), lambda: link.read(0)):
        with pytest.raises(NotConnected, match="the port has been closed"):
            use()


def test_closing_a_port_whose_device_is_gone_raises_nothing(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = SerialLink(pair.path, 38_400, CLOCK)
    pair.hang_up()
    close = serial.Serial.close

    def complaining(port: serial.Serial) -> None:
        close(port)
        raise termios.error(errno.EIO, "Input/output error")

    monkeypatch.setattr(serial.Serial, "close", complaining)
    link.close()


def test_the_ports_of_the_machine_are_listed_in_order_with_a_description(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @dataclass(order=True)
    class Found:
        device: str
        description: str

    monkeypatch.setattr(
        list_ports, "comports", lambda: [Found("/dev/ttyS1", ""), Found("/dev/ttyS0", "UART")]
    )
    assert available_ports() == (
        PortInfo("/dev/ttyS0", "UART"),
        PortInfo("/dev/ttyS1", "/dev/ttyS1"),
    )


class WindowsPort:
    """What pyserial has to offer on a system without descriptors."""

    def __init__(self) -> None:
        self.timeout = 0.0
        self.arrived = b""
        self.written = b""

    @property
    def in_waiting(self) -> int:
        return len(self.arrived)

    def read(self, size: int) -> bytes:
        taken, self.arrived = self.arrived[:size], self.arrived[size:]
        return taken

    def write(self, data: bytes) -> int:
        self.written += data
        return len(data)

    def close(self) -> None:
        """Nothing to release."""


def test_on_windows_pyserial_itself_reads_and_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unverified on a Windows machine; here with a port of our own."""
    port = WindowsPort()
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(serial, "Serial", lambda *_, **__: port)
    link = SerialLink("COM3", 38_400, CLOCK)
    link.write(b"\xfe\x01\x00\x00\xff")
    assert (port.written, link.bytes_written) == (b"\xfe\x01\x00\x00\xff", 5)
    assert link.read(CLOCK.now_ns() + 50 * MS) == b""
    assert 0 < port.timeout <= 0.05
    port.arrived = b"\xfe\x04\x02"
    assert link.read(0) == b"\xfe\x04\x02"
    link.close()
