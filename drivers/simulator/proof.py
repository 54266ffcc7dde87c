"""The proof that a port leads to an emulator: both ends of the control socket, and the verdict.

A setting, a path, a driver's name or the device's own word prove nothing (architecture.md, "What
counts as simulated"); whoever gets no `Proof` has a real stimulator in front of him.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from drivers.errors import NotConnected, StimulatorError
from drivers.link import Link
from drivers.simulator.device import EmulatedDevice

NONCE_BYTES = 16
MAX_REQUEST = 256
MAX_ANSWER = 1024
MAX_CLIENTS = 8
ANSWER_TIMEOUT_S = 2.0
LOOPBACK = "127.0.0.1"

Words = Mapping[str, Callable[[object], object]]
"""What a control socket answers besides the proof: for each word of a request, its answer."""


class NotProved(StimulatorError):
    """The port was not proved to lead to an emulator; it is to be treated as a real stimulator."""


@dataclass(frozen=True, slots=True)
class LoopbackPort:
    """A TCP port of this machine's loopback interface, where there are no unix sockets or paths."""

    number: int

    def __str__(self) -> str:
        """Return it as an address."""
        return f"localhost:{self.number}"


ControlAddress = Path | LoopbackPort


def control_address(port_name: str) -> ControlAddress:
    """Return where the control socket of a port is: `PATH.control`, or the next TCP port."""
    host, colon, number = port_name.rpartition(":")
    if colon and number.isascii() and number.isdigit() and host.removeprefix("socket://") in _LOCAL:
        return LoopbackPort(int(number) + 1)
    return Path(port_name + ".control")


_LOCAL = frozenset({"localhost", LOOPBACK})


@dataclass(frozen=True, slots=True)
class Proof:
    """A port was proved to lead to an emulator.

    Attributes:
        text: How, for the session's row.
    """

    text: str

    @classmethod
    def built_here(cls, device: EmulatedDevice) -> Self:
        """Return the proof for an emulator that this process built and whose other end it holds."""
        return cls(f"built by this process: emulated {device.model}, {_number(device.serial)}")


def prove_simulated(
    control: ControlAddress, link: Link, identify: Callable[[], str], timeout_s: float | None = None
) -> Proof:
    """Prove that what answers on the link is the emulator behind the control socket.

    The socket returns two nonces; between them the driver asks the port for its identity, and the
    emulator's count of bytes received must grow by exactly what was written to the link.

    Args:
        control: Where the control socket is.
        link: The open link; nobody else uses it meanwhile.
        identify: Asks the device for its identity over the link and returns its serial number.
        timeout_s: How long each answer may take; 2 s if not given.

    Raises:
        NotProved: Anything else; the message says what was missing.
    """
    timeout_s = ANSWER_TIMEOUT_S if timeout_s is None else timeout_s
    before = _ask(control, timeout_s)
    written_before = link.bytes_written
    try:
        serial = identify()
    except StimulatorError as error:
        raise NotProved(f"{link.name}: the device did not identify itself: {error}") from error
    written = link.bytes_written - written_before
    after = _ask(control, timeout_s)
    if written <= 0:
        raise NotProved(f"{link.name}: nothing was written while the device was identified")
    counted = after.bytes_received - before.bytes_received
    if counted != written:
        raise NotProved(
            f"{control}: {written} bytes were written to {link.name}, and the emulator got "
            f"{counted}: it is not what this port leads to"
        )
    if {before.serial, after.serial} != {serial}:
        raise NotProved(
            f"{control}: the emulator has serial number {after.serial}, and {link.name} answers "
            f"with {serial}"
        )
    return Proof(
        f"control socket {control}: two nonces returned, {_number(serial)}, "
        f"{written} of {written} bytes counted"
    )


def _number(serial: str) -> str:
    return f"serial number {serial}" if serial else "which tells no serial number"


@dataclass(frozen=True, slots=True)
class _Answer:
    serial: str
    bytes_received: int


def _ask(control: ControlAddress, timeout_s: float) -> _Answer:
    answer = ask_control(control, {}, timeout_s)
    serial, count = answer.get("serial"), answer.get("bytes_received")
    if not isinstance(serial, str) or isinstance(count, bool) or not isinstance(count, int):
        raise NotProved(f"{control}: the answer is not an emulator's")
    return _Answer(serial, count)


def ask_control(
    control: ControlAddress, request: Mapping[str, object], timeout_s: float
) -> Mapping[str, object]:
    """Send a request with a nonce to a control socket and return the answer that bears the nonce.

    Raises:
        NotProved: Nobody answers, or no emulator does.
    """
    nonce = secrets.token_hex(NONCE_BYTES)
    deadline_s = time.monotonic() + timeout_s
    try:
        with _connect(control, timeout_s) as connection:
            connection.sendall(json.dumps({"nonce": nonce, **request}).encode() + b"\n")
            line = _read_line(control, connection, deadline_s)
    except OSError as error:
        raise NotProved(f"{control}: no emulator answers there: {error}") from error
    try:
        answer = json.loads(line)
        returned = answer["nonce"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotProved(f"{control}: the answer is not an emulator's") from error
    if returned != nonce:
        raise NotProved(f"{control}: another nonce came back than was sent")
    if not isinstance(answer, dict):
        raise NotProved(f"{control}: the answer is not an emulator's")
    return answer


def _connect(control: ControlAddress, timeout_s: float) -> socket.socket:
    if isinstance(control, LoopbackPort):
        return socket.create_connection((LOOPBACK, control.number), timeout_s)
    about = control.lstat()
    if not stat.S_ISSOCK(about.st_mode) or about.st_uid != os.getuid():
        raise NotProved(f"{control}: not a socket of this user")
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(timeout_s)
        connection.connect(str(control))
    except OSError:
        connection.close()
        raise
    return connection


def _read_line(control: ControlAddress, connection: socket.socket, deadline_s: float) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            raise NotProved(f"{control}: no answer in time")
        connection.settimeout(left_s)
        part = connection.recv(MAX_ANSWER)
        if not part:
            raise NotProved(f"{control}: the connection ended without an answer")
        line += part
        if len(line) > MAX_ANSWER:
            raise NotProved(f"{control}: the answer is longer than {MAX_ANSWER} bytes")
    return line


class ControlServer:
    """The emulator's end: answers nonces with its serial number and its count of bytes.

    A request may hold further words, each answered by whoever was given for it: a virtual patient
    under the coil says what the last single pulse evoked (`patient_words`).

    It never waits; the host calls `serve` when one of `sockets` is readable, and must have taken
    all bytes from the port before, so that the count is of this moment.

    Raises:
        NotConnected: The address is taken, or not possible.
    """

    def __init__(
        self,
        address: ControlAddress,
        device: EmulatedDevice,
        words: Words | None = None,
    ) -> None:
        self.address = address
        self._words = words or {}
        self._device = device
        self._clients: dict[socket.socket, bytearray] = {}
        try:
            self._listener = _listen(address)
        except OSError as error:
            raise NotConnected(f"{address}: cannot open the control socket: {error}") from error

    @property
    def sockets(self) -> list[socket.socket]:
        """What to wait for."""
        return [self._listener, *self._clients]

    def serve(self, readable: socket.socket) -> None:
        """Take a new client, or what a client has sent."""
        if readable is self._listener:
            self._accept()
        elif readable in self._clients:
            self._hear(readable)

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        client.setblocking(False)
        while len(self._clients) >= MAX_CLIENTS:
            self._drop(next(iter(self._clients)))
        self._clients[client] = bytearray()

    def _hear(self, client: socket.socket) -> None:
        heard = self._clients[client]
        try:
            part = client.recv(MAX_REQUEST)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        heard += part
        line, newline, rest = bytes(heard).partition(b"\n")
        answer = self._answer(line) if newline else b""
        if not part or len(heard) > MAX_REQUEST or (newline and not answer):
            self._drop(client)
        elif newline:
            self._clients[client] = bytearray(rest)
            try:
                client.sendall(answer)
            except OSError:
                self._drop(client)

    def _answer(self, line: bytes) -> bytes:
        try:
            request = json.loads(line)
            nonce = request["nonce"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return b""
        if not isinstance(nonce, str):
            return b""
        answer: dict[str, object] = {
            "nonce": nonce,
            "serial": self._device.serial,
            "bytes_received": self._device.bytes_received,
        }
        for word in self._words.keys() & request.keys() - answer.keys():
            answer[word] = self._words[word](request[word])
        return json.dumps(answer).encode() + b"\n"

    def _drop(self, client: socket.socket) -> None:
        del self._clients[client]
        client.close()

    def close(self) -> None:
        """Close everything and remove the socket's file; any number of times."""
        for client in list(self._clients):
            self._drop(client)
        if self._listener.fileno() >= 0:
            self._listener.close()
            if isinstance(self.address, Path):
                self.address.unlink(missing_ok=True)


def _listen(address: ControlAddress) -> socket.socket:
    if isinstance(address, LoopbackPort):
        listener = socket.socket()
        target: str | tuple[str, int] = (LOOPBACK, address.number)
    else:
        listener = socket.socket(socket.AF_UNIX)
        os.fchmod(listener.fileno(), 0o600)  # Linux gives the file the socket's own mode at bind
        target = str(address)
    try:
        listener.bind(target)
        if isinstance(address, Path):
            address.chmod(0o600)
        listener.listen(MAX_CLIENTS)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener
