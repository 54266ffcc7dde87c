"""An emulator in real time behind a pseudo-terminal or a loopback socket, with its control socket.

It goes on by itself whatever its clients do; what it does is in the emulator.
"""

from __future__ import annotations

import os
import select
import socket
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from drivers.errors import NotConnected, PortBusy
from drivers.simulator.device import EmulatedDevice
from drivers.simulator.proof import LOOPBACK, ControlServer, Words, control_address

SPIN_NS = 150_000
"""Wait in the system until this long before an event, then look at the clock again and again."""
IDLE_NS = 20_000_000
"""Something that can wait is done only when the next event is further off than this."""
IDLE_EVERY_NS = 500_000_000
CHUNK = 4096
MAX_READS = 64
"""Reads in a row before the device gets its turn, whatever a client floods it with."""
PORT_TRIES = 20
TERMINALS = ("/dev/pts/", "/dev/tty")
"""Where pseudo-terminals are, on Linux and macOS."""


class HostPort(Protocol):
    """Where clients reach the device."""

    @property
    def name(self) -> str:
        """What a client opens."""
        ...

    @property
    def waits_for(self) -> Sequence[int]:
        """File descriptors to wait for."""
        ...

    def read(self) -> bytes:
        """Return what clients have written, b"" if nothing; never waits."""
        ...

    def write(self, data: bytes) -> None:
        """Send bytes; lost if nobody takes them, as on a serial line; never waits."""
        ...

    def close(self) -> None:
        """Hang up: clients notice.  Any number of times."""
        ...


class PtyPort:
    """A pseudo-terminal, raw at both ends, found by a symbolic link beside its control socket.

    One descriptor of the client's end stays open here, or the first client's closing would end it.

    Raises:
        PortBusy: A living emulator, or something that is no such link, is at the link's path.
        NotConnected: There is no pseudo-terminal, or the link cannot be made.
    """

    def __init__(self, link: Path) -> None:
        if sys.platform == "win32":
            raise NotConnected("this system has no pseudo-terminals: use --listen localhost:PORT")
        import tty  # noqa: PLC0415 - not there on Windows

        _clear_the_way(link)
        try:
            self._master, self._slave = os.openpty()
        except OSError as error:
            raise NotConnected(f"no pseudo-terminal to be had: {error}") from error
        for end in (self._master, self._slave):
            tty.setraw(end)
        os.fchmod(self._slave, 0o600)
        os.set_blocking(self._master, False)
        self.terminal = os.ttyname(self._slave)
        self.link = link
        self._open = True
        try:
            link.symlink_to(self.terminal)
        except OSError as error:
            self.close()
            raise NotConnected(f"{link}: cannot make the link: {error}") from error

    @property
    def name(self) -> str:
        """The link's path."""
        return str(self.link)

    @property
    def waits_for(self) -> Sequence[int]:
        """The master's descriptor, nothing once hung up."""
        return (self._master,) if self._open else ()

    def read(self) -> bytes:
        """Return what clients have written."""
        try:
            return os.read(self._master, CHUNK) if self._open else b""
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        """Send bytes; what nobody reads fills the terminal's buffer, and then is lost."""
        try:
            if self._open:
                os.write(self._master, data)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Close both ends and remove the link."""
        if not self._open:
            return
        self._open = False
        os.close(self._master)
        os.close(self._slave)
        if _leads_to(self.link) == self.terminal:
            self.link.unlink(missing_ok=True)


def _leads_to(link: Path) -> str | None:
    try:
        return str(link.readlink())
    except OSError:
        return None


def _clear_the_way(link: Path) -> None:
    """Remove the link and the control socket that a killed emulator left."""
    control = control_address(str(link))
    if not isinstance(control, Path):
        raise NotConnected(f"{link}: a link's name cannot look like a network address")
    target = _leads_to(link)
    if _is_there(link) and (target is None or not target.startswith(TERMINALS)):
        raise PortBusy(f"{link}: there is something here that is no link to a terminal")
    if _is_there(control):
        if not stat.S_ISSOCK(control.lstat().st_mode):
            raise PortBusy(f"{control}: there is something here that is no control socket")
        if _answers(control):
            raise PortBusy(f"{link}: an emulator is running there already")
        control.unlink(missing_ok=True)
    if target is not None:
        link.unlink(missing_ok=True)


def _is_there(path: Path) -> bool:
    return os.path.lexists(path)


def _answers(control: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(control))
        except OSError:
            return False
        return True


class SocketPort:
    """A TCP port of the loopback interface for one client at a time.

    Args:
        number: The port, or 0 for any that has a free neighbour for the control socket.

    Raises:
        PortBusy: The port is taken.
    """

    def __init__(self, number: int = 0) -> None:
        self._client: socket.socket | None = None
        try:
            self._listener: socket.socket | None = socket.create_server((LOOPBACK, number))
        except (OSError, OverflowError) as error:
            raise PortBusy(f"localhost:{number}: cannot listen there: {error}") from error
        self._listener.setblocking(False)
        self.number: int = self._listener.getsockname()[1]

    @property
    def name(self) -> str:
        """The address."""
        return f"localhost:{self.number}"

    @property
    def waits_for(self) -> Sequence[int]:
        """Listener and client."""
        ends = (self._listener, self._client)
        return [end.fileno() for end in ends if end is not None]

    def read(self) -> bytes:
        """Return what the client has written; take a new client if there is none."""
        self._accept()
        if self._client is None:
            return b""
        try:
            data = self._client.recv(CHUNK)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._let_go()
        return data

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept() if self._listener else (None, None)
        except BlockingIOError:
            return
        if client is None:
            return
        if self._client is not None:
            client.close()
            return
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.setblocking(False)
        self._client = client

    def _let_go(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def write(self, data: bytes) -> None:
        """Send bytes to the client, if there is one."""
        if self._client is None:
            return
        try:
            self._client.send(data)
        except BlockingIOError:
            return
        except OSError:
            self._let_go()

    def close(self) -> None:
        """Hang up and stop listening."""
        self._let_go()
        if self._listener is not None:
            self._listener.close()
            self._listener = None


@dataclass(frozen=True, slots=True)
class _End:
    """One device and where its clients reach it."""

    device: EmulatedDevice
    port: HostPort
    control: ControlServer


class Host:
    """Runs one device in real time; one thread calls `serve`, any may call `do` and `stop`.

    Args:
        device: The emulator.
        port: Where clients reach it; closed with the host.
        words: What the control socket answers besides the proof (`patient_words`).

    Raises:
        NotConnected: The control socket cannot be opened.
    """

    def __init__(self, device: EmulatedDevice, port: HostPort, words: Words | None = None) -> None:
        self.device = device
        self.port = port
        try:
            self.control = ControlServer(control_address(port.name), device, words)
        except NotConnected:
            port.close()
            raise
        self._ends = [_End(device, port, self.control)]
        self._stopped = False
        self._errands: deque[Callable[[], None]] = deque()
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self._watched: dict[int, Callable[[], None]] = {}

    def add(self, device: EmulatedDevice, port: HostPort) -> None:
        """Run another device beside it, in the same thread and time; before `serve`.

        Raises:
            NotConnected: Its control socket cannot be opened; its port is closed then.
        """
        try:
            control = ControlServer(control_address(port.name), device)
        except NotConnected:
            port.close()
            raise
        self._ends.append(_End(device, port, control))

    def stop(self) -> None:
        """End `serve` soon; may be called from a signal handler or another thread."""
        self._stopped = True
        self._wake()

    def do(self, errand: Callable[[], None]) -> None:
        """Have something done in the device's own thread, at the device's present time."""
        self._errands.append(errand)
        self._wake()

    def watch(self, descriptor: int, when_readable: Callable[[], None]) -> None:
        """Call something in the device's own thread whenever a descriptor is readable."""
        self._watched[descriptor] = when_readable

    def unwatch(self, descriptor: int) -> None:
        """Watch a descriptor no longer."""
        self._watched.pop(descriptor, None)

    def _wake(self) -> None:
        try:
            self._waker.send(b"\0")
        except OSError:
            return  # full: it is awake already; closed: it has ended

    def serve(self, when_idle: Callable[[], None] | None = None) -> None:
        """Run the device until `stop`; it keeps its own clock and never waits for a client.

        Args:
            when_idle: Called about twice a second, when nothing is due within 20 ms.
        """
        origin_ns = time.perf_counter_ns() - self.device.now_ns()
        idle_at_ns = 0
        while not self._stopped:
            due_in_ns = self._catch_up(origin_ns)
            now_ns = time.perf_counter_ns()
            due_far = due_in_ns is None or due_in_ns > IDLE_NS
            if when_idle is not None and now_ns >= idle_at_ns and due_far:
                idle_at_ns = now_ns + IDLE_EVERY_NS
                when_idle()
                continue
            if when_idle is not None and due_far:
                left_ns = idle_at_ns - now_ns
                due_in_ns = left_ns if due_in_ns is None else min(due_in_ns, left_ns)
            readable = self._wait(due_in_ns)
            if readable:
                self._catch_up(origin_ns)
                self._serve_clients(readable)

    def _catch_up(self, origin_ns: int) -> int | None:
        """Advance the device to the present, send what it says, and return what is due when."""
        for end in self._ends:
            device = end.device
            device.advance(max(0, time.perf_counter_ns() - origin_ns - device.now_ns()))
        due_ns: list[int] = []
        for end in self._ends:
            output = end.device.take_output()
            if end.device.unplugged:
                end.port.close()
            elif output:
                end.port.write(output)
            due_in_ns = end.device.next_event_in_ns()
            if due_in_ns is not None:
                due_ns.append(end.device.now_ns() + due_in_ns)
        if not due_ns:
            return None
        return max(0, min(due_ns) - (time.perf_counter_ns() - origin_ns))

    def _wait(self, due_in_ns: int | None) -> list[int | socket.socket]:
        wanted: list[int | socket.socket] = [*self._watched, self._woken]
        for end in self._ends:
            wanted += [*end.port.waits_for, *end.control.sockets]
        if due_in_ns is None:
            return select.select(wanted, (), ())[0]
        timeout_s = (due_in_ns - SPIN_NS) / 1e9 if due_in_ns > SPIN_NS else 0
        return select.select(wanted, (), (), timeout_s)[0]

    def _serve_clients(self, readable: Sequence[int | socket.socket]) -> None:
        """Serve the port before the control socket: its count must hold what was written before."""
        for end in self._ends:
            for _ in range(MAX_READS):
                if not (data := end.port.read()):
                    break
                end.device.receive(data)
        for one in readable:
            if isinstance(one, socket.socket) and one is not self._woken:
                for end in self._ends:
                    end.control.serve(one)  # passes over what is no client of its own
            elif not isinstance(one, socket.socket) and one in self._watched:
                self._watched[one]()
        try:
            while self._woken.recv(CHUNK):
                pass
        except BlockingIOError:
            pass
        while self._errands:
            self._errands.popleft()()

    def close(self) -> None:
        """Close port and control socket; any number of times, after `serve` has returned."""
        for end in self._ends:
            end.port.close()
            end.control.close()
        self._waker.close()
        self._woken.close()

    def __enter__(self) -> Self:
        """Return the host."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()


def listen(device: EmulatedDevice, number: int = 0, words: Words | None = None) -> Host:
    """Host a device on a loopback TCP port, 0 for any; its control socket is on the next one.

    Raises:
        PortBusy: The port is taken.
        NotConnected: The next one is.
    """
    for _ in range(PORT_TRIES):
        try:
            return Host(device, SocketPort(number), words)
        except NotConnected:
            if number:
                raise
    raise NotConnected(f"no two neighbouring free ports on localhost in {PORT_TRIES} tries")


@contextmanager
def hosted_in_thread(host: Host) -> Iterator[Host]:
    """Run a host in a thread of its own; leaving stops it, closes it and raises what it raised."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            host.serve()
        except BaseException as error:  # noqa: BLE001 - handed to the thread that stops it
            errors.append(error)

    thread = threading.Thread(target=run, name=f"emulator {host.port.name}")
    thread.start()
    try:
        yield host
    finally:
        host.stop()
        thread.join()
        host.close()
    if errors:
        raise errors[0]
