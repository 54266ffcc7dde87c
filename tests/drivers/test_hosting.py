"""An emulator in real time, behind a pseudo-terminal or a socket: what any client of it meets."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from drivers.errors import NotConnected, PortBusy
from drivers.magpro.codec import FrameDecoder, encode_frame
from drivers.magpro.commands import (
    Command,
    GetStatus,
    SetAmplitude,
    SetEnabled,
    SetPage,
    SetTrain,
    StartTrain,
)
from drivers.magpro.emulator import MagProEmulator
from drivers.magpro.replies import Message, Status, StimulusReport, parse_message
from drivers.magpro.tables import Page
from drivers.simulator.faults import parse_fault
from drivers.simulator.hosting import Host, PtyPort, SocketPort, hosted_in_thread, listen
from drivers.simulator.proof import LoopbackPort
from drivers.simulator.pulse_log import PulseLog, read_pulse_log

MS = 1_000_000
S = 1_000_000_000


@pytest.fixture
def log(tmp_path: Path) -> Iterator[PulseLog]:
    log = PulseLog(tmp_path / "pulses.jsonl", time.monotonic_ns)
    yield log
    log.close()


class Client:
    """A foreign client on a file descriptor."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.decoder = FrameDecoder()

    def say(self, *commands: Command) -> None:
        for command in commands:
            os.write(self.descriptor, encode_frame(command.body))

    def hear(self, wanted: Callable[[Message], bool], within_s: float = 3.0) -> float:
        """Wait for a message and return how long that took."""
        begun = time.monotonic()
        while (left := begun + within_s - time.monotonic()) > 0:
            while (body := self.decoder.next_frame()) is not None:
                if wanted(parse_message(body)):
                    return time.monotonic() - begun
            if select.select([self.descriptor], [], [], left)[0]:
                self.decoder.feed(os.read(self.descriptor, 4096))
        raise AssertionError("not heard in time")

    def start_train(self, train: SetTrain) -> None:
        self.say(SetPage(Page.TIMING), SetAmplitude(54), train, SetEnabled(True))
        self.hear(lambda message: message.body[3] == 0x34)
        time.sleep(0.25)
        self.say(StartTrain())


def opened(path: Path | str) -> Client:
    return Client(os.open(path, os.O_RDWR | os.O_NOCTTY))


def wait_until(condition: Callable[[], bool], within_s: float = 3.0) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.005)


def is_status(message: Message) -> bool:
    return isinstance(message, Status)


def test_a_client_on_the_link_is_answered_and_a_second_one_after_it(tmp_path: Path) -> None:
    """Without an open descriptor of our own the first client's closing would end the emulator."""
    link = tmp_path / "magpro"
    with hosted_in_thread(Host(MagProEmulator(), PtyPort(link))) as host:
        assert host.port.name == str(link)
        for _ in range(2):
            client = opened(link)
            client.say(GetStatus())
            took_s = client.hear(is_status)
            os.close(client.descriptor)
            assert 0.02 <= took_s < 0.5
    assert not os.path.lexists(link)
    assert not os.path.lexists(f"{link}.control")


def test_the_terminal_is_raw_private_and_passes_every_byte_as_it_is(tmp_path: Path) -> None:
    """A cooked terminal turns 0D into 0A and 03 into a signal: a trigger would be lost."""
    port = PtyPort(tmp_path / "magpro")
    client = os.open(port.link, os.O_RDWR | os.O_NOCTTY)
    every = bytes(range(256))
    os.write(client, every)
    assert port.read() == every
    port.write(every)
    assert os.read(client, 4096) == every
    assert os.fstat(client).st_mode & 0o777 == 0o600
    assert not termios.tcgetattr(client)[3] & (termios.ECHO | termios.ICANON | termios.ISIG)
    assert port.read() == b""
    os.close(client)
    port.close()
    port.close()
    for end in (port._master, port._slave):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(end)
    assert (port.read(), port.waits_for) == (b"", ())
    port.write(b"nobody")


def test_what_nobody_reads_is_lost_and_does_not_stop_the_device(tmp_path: Path) -> None:
    port = PtyPort(tmp_path / "magpro")
    for _ in range(10):
        port.write(bytes(4096))
    port.close()


def test_the_train_goes_on_when_its_client_is_killed(tmp_path: Path, log: PulseLog) -> None:
    """A MagPro has no watchdog; the record must be able to rely on ours behaving so."""
    link = tmp_path / "magpro"
    device = MagProEmulator(pulse_log=log)
    frames: list[Command] = [
        SetPage(Page.TIMING),
        SetAmplitude(54),
        SetTrain(500, 40, 1, 10),
        SetEnabled(True),
    ]
    script = (
        "import os, sys, time\n"
        "port = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)\n"
        "os.write(port, bytes.fromhex(sys.argv[2])); time.sleep(0.4)\n"
        "os.write(port, bytes.fromhex(sys.argv[3])); time.sleep(30)\n"
    )
    prepare = b"".join(encode_frame(command.body) for command in frames).hex()
    start = encode_frame(StartTrain().body).hex()
    with hosted_in_thread(Host(device, PtyPort(link))):
        client = subprocess.Popen([sys.executable, "-c", script, str(link), prepare, start])
        wait_until(lambda: device.pulses_fired >= 3)
        client.send_signal(signal.SIGKILL)
        client.wait()
        assert device.pulses_fired < 40
        wait_until(lambda: device.pulses_fired == 40)
    lines = read_pulse_log(log.path)
    assert [line.pulse for line in lines] == list(device.fired)


def test_no_event_happens_before_its_time(tmp_path: Path, log: PulseLog) -> None:
    """Device time never runs ahead of the host's clock."""
    link = tmp_path / "magpro"
    device = MagProEmulator(pulse_log=log)
    with hosted_in_thread(Host(device, PtyPort(link))):
        client = opened(link)
        begun_ns = time.monotonic_ns()
        client.start_train(SetTrain(1000, 60, 1, 10))
        wait_until(lambda: device.pulses_fired == 60)
        os.close(client.descriptor)
    lines = read_pulse_log(log.path)
    written_ns = [line.monotonic_ns or 0 for line in lines]
    assert written_ns == sorted(written_ns)
    for written, line in zip(written_ns, lines, strict=True):
        assert written - begun_ns >= line.pulse.at_ns - lines[0].pulse.at_ns


def test_reports_arrive_as_fast_as_the_line_allows(tmp_path: Path) -> None:
    link = tmp_path / "magpro"
    with hosted_in_thread(Host(MagProEmulator(), PtyPort(link))):
        client = opened(link)
        client.start_train(SetTrain(1000, 20, 1, 10))
        for _ in range(20):
            client.hear(lambda message: isinstance(message, StimulusReport))
        os.close(client.descriptor)


def test_unplugging_hangs_up_on_the_client_and_the_train_goes_on(tmp_path: Path) -> None:
    link = tmp_path / "magpro"
    device = MagProEmulator(faults=[parse_fault("unplug@3")])
    with hosted_in_thread(Host(device, PtyPort(link))):
        client = opened(link)
        client.start_train(SetTrain(500, 10, 1, 10))
        wait_until(lambda: device.unplugged)
        wait_until(lambda: not link.exists())
        with pytest.raises(OSError, match="Input/output"):
            os.write(client.descriptor, b"x")
        wait_until(lambda: device.pulses_fired == 10)
        os.close(client.descriptor)


def test_errands_are_done_in_the_devices_own_thread_at_its_present_time(tmp_path: Path) -> None:
    device = MagProEmulator()
    seen: list[int] = []
    with hosted_in_thread(Host(device, PtyPort(tmp_path / "magpro"))) as host:
        time.sleep(0.03)
        host.do(lambda: device.panel.turn_knob(5))
        host.do(lambda: seen.append(device.now_ns()))
        wait_until(lambda: bool(seen))
    assert device.state().status.a_pct_mso == 5
    assert seen[0] > 25 * MS


def test_a_bug_in_the_device_is_raised_where_the_host_is_stopped(tmp_path: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        hosted_in_thread(Host(MagProEmulator(), PtyPort(tmp_path / "magpro"))) as host,
    ):
        host.do(lambda: 1 // 0)  # type: ignore[arg-type]


def test_a_watched_descriptor_is_served_and_can_be_let_go(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    heard: list[bytes] = []
    with Host(MagProEmulator(), PtyPort(tmp_path / "magpro")) as host:

        def hear() -> None:
            heard.append(os.read(reader, 10))
            if not heard[-1]:
                host.unwatch(reader)
                host.stop()

        host.watch(reader, hear)
        os.write(writer, b"hello")
        looks: list[int] = []
        host.do(lambda: os.close(writer))
        host.serve(when_idle=lambda: looks.append(1))
        host.stop()
    host.stop()
    os.close(reader)
    assert (heard, len(looks)) == ([b"hello", b""], 1)


class Unmoved(MagProEmulator):
    """A device without events of its own."""

    def next_event_in_ns(self) -> int | None:
        return None


def test_a_host_without_any_event_sleeps_until_somebody_comes(tmp_path: Path) -> None:
    device = Unmoved()
    looks: list[int] = []
    with Host(device, PtyPort(tmp_path / "magpro")) as host:

        def look() -> None:
            looks.append(device.now_ns())
            if len(looks) == 2:
                host.stop()

        host.serve(when_idle=look)
    assert 400 * MS < looks[1] - looks[0] < 2 * S
    with hosted_in_thread(Host(device, PtyPort(tmp_path / "magpro"))):
        time.sleep(0.01)


def test_a_link_that_a_killed_emulator_left_is_replaced(tmp_path: Path) -> None:
    link = tmp_path / "magpro"
    link.symlink_to("/dev/pts/9999")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(f"{link}.control")
    with Host(MagProEmulator(), PtyPort(link)):
        assert link.is_char_device()


def test_the_link_of_a_living_emulator_is_not_taken_away(tmp_path: Path) -> None:
    link = tmp_path / "magpro"
    with hosted_in_thread(Host(MagProEmulator(), PtyPort(link))):
        with pytest.raises(PortBusy, match="running there already"):
            PtyPort(link)
        assert link.exists()


@pytest.mark.parametrize("suffix", ["", ".control"])
def test_a_file_in_the_way_is_left_alone(tmp_path: Path, suffix: str) -> None:
    link = tmp_path / "magpro"
    file = tmp_path / f"magpro{suffix}"
    file.write_text("precious")
    with pytest.raises(PortBusy, match="there is something here"):
        PtyPort(link)
    assert file.read_text() == "precious"


def test_a_link_to_an_ordinary_file_is_left_alone(tmp_path: Path) -> None:
    link = tmp_path / "magpro"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PortBusy, match="no link to a terminal"):
        PtyPort(link)


def test_a_link_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(NotConnected, match="cannot make the link"):
        PtyPort(tmp_path / "nowhere" / "magpro")
    with pytest.raises(NotConnected, match="network address"):
        PtyPort(Path("localhost:7000"))


def test_a_system_without_terminals_to_give_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left() -> tuple[int, int]:
        raise OSError("out of pty devices")

    monkeypatch.setattr(os, "openpty", none_left)
    with pytest.raises(NotConnected, match="out of pty devices"):
        PtyPort(tmp_path / "magpro")


def test_a_link_that_somebody_else_took_over_is_not_removed(tmp_path: Path) -> None:
    link = tmp_path / "magpro"
    port = PtyPort(link)
    link.unlink()
    link.symlink_to("/dev/pts/9999")
    port.close()
    assert os.path.lexists(link)


def test_a_control_socket_that_cannot_be_opened_closes_the_port_again(tmp_path: Path) -> None:
    link = tmp_path / ("x" * 100)
    with pytest.raises(NotConnected, match="control socket"):
        Host(MagProEmulator(), PtyPort(link))
    assert not os.path.lexists(link)


def connected(number: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", number), 2.0)


def test_a_socket_serves_one_client_at_a_time_and_the_next_after_it() -> None:
    with hosted_in_thread(listen(MagProEmulator())) as host:
        assert isinstance(host.port, SocketPort)
        assert isinstance(host.control.address, LoopbackPort)
        number = host.port.number
        assert host.port.name == f"localhost:{number}"
        with connected(number) as first:
            client = Client(first.fileno())
            client.say(GetStatus())
            client.hear(is_status)
            with connected(number) as second:
                assert second.recv(1) == b""
        wait_until(lambda: len(host.port.waits_for) == 1)  # the first has been let go
        with connected(number) as third:
            client = Client(third.fileno())
            client.say(GetStatus())
            client.hear(is_status)
            host.device.unplug()  # type: ignore[attr-defined]
            host.do(lambda: None)
            assert third.recv(100) == b""


def test_a_socket_client_that_resets_its_connection_is_let_go() -> None:
    port = SocketPort()
    for _ in range(2):
        client = connected(port.number)
        wait_until(lambda: port.read() == b"" and len(port.waits_for) == 2)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        wait_until(lambda: port.read() == b"" and len(port.waits_for) == 1)
    port.write(b"nobody is there")
    client = connected(port.number)
    wait_until(lambda: port.read() == b"" and len(port.waits_for) == 2)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    wait_until(lambda: (port.write(b"x"), len(port.waits_for))[1] == 1)  # type: ignore[func-returns-value]
    client = connected(port.number)
    wait_until(lambda: port.read() == b"" and len(port.waits_for) == 2)
    for _ in range(5000):
        port.write(bytes(4096))
    client.close()
    port.close()
    port.close()
    assert port.read() == b""


def test_a_taken_port_is_busy() -> None:
    with listen(MagProEmulator()) as host:
        assert isinstance(host.port, SocketPort)
        number = host.port.number
        with pytest.raises(PortBusy, match="cannot listen"):
            listen(MagProEmulator(), number)


def test_a_taken_neighbour_is_an_error_for_a_given_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as neighbour:
        number = neighbour.getsockname()[1] - 1
        with pytest.raises(NotConnected, match=f"localhost:{number}: cannot|{number + 1}: cannot"):
            listen(MagProEmulator(), number)


def test_any_port_means_one_whose_neighbour_is_free_too(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[socket.socket] = []
    real = SocketPort

    def with_taken_neighbour(number: int) -> SocketPort:
        port = real(number)
        if len(taken) < 2:
            with suppress(OSError):  # somebody else on this machine has it already
                taken.append(socket.create_server(("127.0.0.1", port.number + 1)))
        return port

    monkeypatch.setattr("drivers.simulator.hosting.SocketPort", with_taken_neighbour)
    with listen(MagProEmulator()) as host:
        assert isinstance(host.control.address, LoopbackPort)
    assert len(taken) == 2
    for neighbour in taken:
        neighbour.close()


def test_after_enough_tries_for_two_neighbours_it_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_number: int) -> SocketPort:
        raise PortBusy("taken")

    monkeypatch.setattr("drivers.simulator.hosting.SocketPort", never)
    with pytest.raises(NotConnected, match="20 tries"):
        listen(MagProEmulator())
